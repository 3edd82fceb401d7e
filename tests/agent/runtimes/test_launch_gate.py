"""The gate holds a program back, stamps its exec and becomes it."""

import errno
import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from headstart.agent.runtimes.launch_gate import GateFolder, GateStamps, build, gate_binary


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[GateFolder]:
    gate = GateFolder.make(tmp_path)
    yield gate
    gate.close()


def start(
    folder: GateFolder, *argv: str, env: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        folder.argv(argv, str(folder.path)), env=env, stdout=subprocess.PIPE, text=True
    )


def pass_through(
    folder: GateFolder, *argv: str, env: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Exit status and output of a program started behind the gate."""
    with start(folder, *argv, env=env) as process:
        assert folder.wait_blocked(10, lambda: process.poll() is None)
        folder.open()
        output, _ = process.communicate(timeout=10)
    return process.returncode, output


def test_program_starts_on_the_same_pid_after_the_gate_opened(folder: GateFolder) -> None:
    before_ns = time.monotonic_ns()
    with start(folder, "/bin/sh", "-c", "echo $$") as process:
        assert folder.wait_blocked(10, lambda: process.poll() is None)
        assert folder.stamps() is None
        opened_ns = folder.open()
        output, _ = process.communicate(timeout=10)
    stamps = folder.stamps()

    assert int(output) == process.pid
    assert stamps is not None
    assert before_ns < stamps.gate_started_ns < opened_ns < stamps.exec_ns < time.monotonic_ns()
    assert stamps.reason is None


def test_nothing_of_the_gate_stays_open_in_the_program(folder: GateFolder) -> None:
    _, output = pass_through(folder, "/bin/sh", "-c", "ls -l /proc/$$/fd")

    assert str(folder.path) not in output


def test_argument_vector_and_environment_reach_the_program(folder: GateFolder) -> None:
    script = 'echo "$WORD|$1|$2"'
    argv = ["/bin/sh", "-c", script, "name", "two words", ""]

    assert pass_through(folder, *argv, env={"WORD": "a=b"}) == (0, "a=b|two words|\n")


def test_end_of_file_without_a_byte_is_not_an_opening(folder: GateFolder) -> None:
    with start(folder, "/bin/echo", "started") as process:
        assert folder.wait_blocked(10, lambda: process.poll() is None)
        folder.close()
        output, _ = process.communicate(timeout=10)

    assert (process.returncode, output) == (125, "")
    assert not folder.path.exists()


def test_close_releases_a_gate_that_nobody_waited_for(folder: GateFolder, tmp_path: Path) -> None:
    other = GateFolder.make(tmp_path)
    with start(folder, "/bin/echo", "started") as process:
        while Path(f"/proc/{process.pid}/syscall").read_text().split()[0] != "2":  # open(2)
            os.sched_yield()
        folder.close()
        folder.close()

        assert process.wait(timeout=10) == 125
    other.close()


def test_waiting_ends_when_the_process_is_dead(folder: GateFolder) -> None:
    assert not folder.wait_blocked(60, lambda: False)


def test_waiting_ends_when_time_is_up(folder: GateFolder) -> None:
    assert not folder.wait_blocked(0, lambda: True)


def test_opening_for_a_gate_that_died_does_nothing(folder: GateFolder) -> None:
    with start(folder, "/bin/true") as process:
        assert folder.wait_blocked(10, lambda: process.poll() is None)
        process.kill()
        process.wait()
        folder.open()

    assert folder.stamps() is None


def test_a_signal_does_not_open_the_gate(folder: GateFolder) -> None:
    with start(folder, "/bin/echo", "started") as process:
        assert folder.wait_blocked(10, lambda: process.poll() is None)
        process.send_signal(19)  # SIGSTOP
        process.send_signal(18)  # SIGCONT
        process.send_signal(28)  # SIGWINCH, ignored

        assert folder.stamps() is None
        assert process.poll() is None

        folder.open()
        assert process.communicate(timeout=10)[0] == "started\n"


@pytest.mark.parametrize(
    ("program", "status", "error"),
    [
        ("/no/such/program", 127, errno.ENOENT),
        ("no-such-program", 127, errno.ENOENT),
        ("", 127, errno.ENOENT),
        ("/dev/null", 126, errno.EACCES),
        ("/etc/passwd/below", 127, errno.ENOTDIR),
        ("x" * 5000, 127, errno.ENAMETOOLONG),
    ],
)
def test_what_cannot_be_executed_is_told_in_the_stamp(
    folder: GateFolder, program: str, status: int, error: int
) -> None:
    returned, _ = pass_through(folder, program)
    stamps = folder.stamps()

    assert returned == status
    assert stamps is not None
    assert stamps.error == error
    assert stamps.reason == os.strerror(error)


def test_a_script_without_an_interpreter_is_not_given_to_a_shell(
    folder: GateFolder, tmp_path: Path
) -> None:
    script = tmp_path / "script"
    script.write_text("echo started\n")
    script.chmod(0o755)

    returned, output = pass_through(folder, str(script))

    assert (returned, output) == (127, "")
    assert (stamps := folder.stamps()) is not None
    assert stamps.error == errno.ENOEXEC


@pytest.fixture
def path_with_hello(tmp_path: Path) -> Path:
    """A folder of two: `refused/hello` not executable, `good/hello` prints hello."""
    for name, mode in (("refused", 0o644), ("good", 0o755)):
        program = tmp_path / name / "hello"
        program.parent.mkdir()
        program.write_text("#!/bin/sh\necho hello\n")
        program.chmod(mode)
    return tmp_path


def test_program_is_searched_in_the_path_past_what_is_missing_or_refused(
    folder: GateFolder, path_with_hello: Path
) -> None:
    path = f"/no/such/folder:{path_with_hello}/refused:{path_with_hello}/good"

    assert pass_through(folder, "hello", env={"PATH": path}) == (0, "hello\n")


def test_a_refusal_on_the_path_outweighs_what_is_missing_after_it(
    folder: GateFolder, path_with_hello: Path
) -> None:
    path = f"{path_with_hello}/refused:/no/such/folder"

    assert pass_through(folder, "hello", env={"PATH": path})[0] == 126


def test_an_empty_element_of_the_path_is_the_working_directory(
    folder: GateFolder, path_with_hello: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path_with_hello / "good")

    assert pass_through(folder, "hello", env={"PATH": "/no/such/folder:"}) == (0, "hello\n")


def test_without_a_path_the_system_folders_are_searched(folder: GateFolder) -> None:
    assert pass_through(folder, "echo", "found", env={}) == (0, "found\n")


def test_modes_let_any_user_use_the_folder_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        folder = GateFolder.make(tmp_path)
    finally:
        os.umask(before)
    modes = {p.name: p.stat().st_mode & 0o777 for p in [folder.path, *folder.path.iterdir()]}
    folder.close()

    assert modes == {folder.path.name: 0o755, "gate": 0o755, "stamp": 0o666, "open": 0o644}


@pytest.mark.root
def test_a_user_without_any_right_passes_the_gate() -> None:
    folder = GateFolder.make(Path("/tmp"))  # pytest's own folders are closed to others
    nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs"
    command = [*nobody.split(), *folder.argv(["id", "-u"], str(folder.path))]
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert folder.wait_blocked(10, lambda: process.poll() is None)
            folder.open()

            assert process.communicate(timeout=10)[0] == "65534\n"
        assert folder.stamps() is not None
    finally:
        folder.close()


def test_two_gates_do_not_share_anything(tmp_path: Path, folder: GateFolder) -> None:
    other = GateFolder.make(tmp_path)
    with (
        start(folder, "/bin/echo", "first") as first,
        start(other, "/bin/echo", "second") as second,
    ):
        assert other.wait_blocked(10, lambda: second.poll() is None)
        threading.Thread(target=other.open).start()

        assert second.communicate(timeout=10)[0] == "second\n"
        assert first.poll() is None
        other.close()
        folder.close()


@pytest.mark.compiler
def test_the_committed_binary_is_what_the_source_says(tmp_path: Path) -> None:
    """Another compiler gives other bytes; then only the same kind of program is asked for."""
    built = tmp_path / "gate"
    build.build(built)
    compiler = gate_binary().read_bytes().partition(b"GCC: ")[2].partition(b"\0")[0]

    if compiler in built.read_bytes():
        assert built.read_bytes() == gate_binary().read_bytes()
    assert compiler
    assert subprocess.run([built], check=False).returncode == 125
    assert gate_binary().stat().st_size < 4096


@pytest.mark.docker
@pytest.mark.compiler
def test_the_gate_works_in_the_barest_and_strictest_container(tmp_path: Path) -> None:
    """FROM scratch, read-only root, no user's name, no capability, no new privileges."""
    (tmp_path / "hello.c").write_text('#include <stdio.h>\nint main() { puts("hello"); }')
    subprocess.run(["gcc", "-static", "-o", "hello", "hello.c"], cwd=tmp_path, check=True)
    archive = subprocess.run(["tar", "-c", "hello"], cwd=tmp_path, check=True, capture_output=True)
    image = subprocess.run(
        ["docker", "import", "-"], input=archive.stdout, check=True, capture_output=True
    )
    image_id = image.stdout.decode().strip()
    folder = GateFolder.make(tmp_path)
    strict = "--read-only --user 65534:65534 --cap-drop ALL --security-opt no-new-privileges"
    command = [
        *["docker", "run", "--rm", "--pull=never", "--network=none", *strict.split()],
        *["--label=headstart.run=test-gate", f"--volume={folder.path}:/gate", image_id],
        *folder.argv(["/hello"], "/gate"),
    ]
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert folder.wait_blocked(60, lambda: process.poll() is None)
            folder.open()

            assert process.communicate(timeout=60)[0] == "hello\n"
            assert folder.stamps() is not None
    finally:
        folder.close()
        subprocess.run(["docker", "rmi", image_id], check=True, capture_output=True)


def test_an_error_that_no_system_knows_is_told_as_such() -> None:
    assert GateStamps(1, 2, 1 << 40).reason == "unknown error"
    assert GateStamps(1, 2, 2).reason == "No such file or directory"
