"""What is seen of a program that is started once before anything is measured."""

import sys
from pathlib import Path

import pytest

from headstart.agent.runtimes.first_look import FirstLook, look_at_command
from support.running import APP, free_port
from support.waiting import wait_until

_SERVER = "import http.server as h; h.HTTPServer(('127.0.0.1', {port}), {handler}).serve_forever()"


def test_a_program_that_ends_is_seen_to_end_with_its_last_words() -> None:
    script = "import sys; print('no configuration', file=sys.stderr); sys.exit(3)"
    found = look_at_command([sys.executable, "-c", script], {})

    assert found == FirstLook(ended=3, last_words="no configuration")


def test_a_server_is_seen_with_its_port_and_a_path_that_it_answers() -> None:
    port = free_port()
    found = look_at_command([sys.executable, str(APP), str(port)], {})

    assert (found.ended, found.ports, found.path) == (None, [port], "/health")


def test_a_server_without_those_paths_has_a_port_and_no_path() -> None:
    port = free_port()
    script = _SERVER.format(port=port, handler="h.BaseHTTPRequestHandler")
    found = look_at_command([sys.executable, "-c", script], {})

    assert (found.ports, found.path) == ([port], "")


def test_what_a_server_without_those_paths_answered_is_known() -> None:
    port = free_port()
    handler = (
        "type('H', (h.BaseHTTPRequestHandler,), {'do_GET': lambda self: self.send_error(404)})"
    )
    script = _SERVER.format(port=port, handler=handler)

    assert look_at_command([sys.executable, "-c", script], {}).statuses == (404, 404, 404)


def test_it_has_the_environment_that_it_is_to_have() -> None:
    script = "import os, sys; sys.exit(int(os.environ['STATUS']))"

    assert look_at_command([sys.executable, "-c", script], {"STATUS": "5"}).ended == 5


def test_one_that_does_neither_is_ended_when_time_is_up(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    script = (
        "import os, pathlib, subprocess, time\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        f"pathlib.Path({str(note)!r}).write_text(f'{{os.getpid()}} {{child.pid}}')\n"
        "time.sleep(600)"
    )
    found = look_at_command([sys.executable, "-c", script], {}, seconds=3.0)
    pids = note.read_text().split()

    assert (found.ended, list(found.ports)) == (None, [])
    assert len(pids) == 2
    # The kernel takes a moment to end what is killed.
    wait_until(lambda: not any(_runs(pid) for pid in pids))


def _runs(pid: str) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def test_a_program_that_is_not_there_is_an_error_of_the_system() -> None:
    with pytest.raises(FileNotFoundError):
        look_at_command(["/nonexistent/program"], {})
