"""`headstart try` and `headstart init`: things to compare on the command line."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from headstart.cli.errors import InputError
from headstart.cli.main import cli
from headstart.cli.things import LocalEngine, thing_of
from headstart.collector.experiments.file import load_experiment
from headstart.words import metrics
from support.running import APP, HEADSTART, Ran, free_port, headstart
from support.waiting import wait_until

pytestmark = pytest.mark.alone

# No engine: what is an image is known by its name alone.
NO_ENGINE = {"DOCKER_HOST": "unix:///nonexistent/docker.sock"}
FAST = f"{shlex.quote(sys.executable)} -c pass"
SLOW = f"{shlex.quote(sys.executable)} -c 'import time; time.sleep(0.3)'"


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in NO_ENGINE.items():
        monkeypatch.setenv(name, value)


def served(port: int, behaviour: str = "good") -> str:
    return shlex.join([sys.executable, str(APP), str(port), behaviour])


def made(*arguments: str | Path) -> tuple[str, Ran]:
    ran = headstart("init", *arguments)
    assert ran.status == 0, ran.errors
    load_experiment(ran.output, "/work")
    return ran.output, ran


def test_two_commands_that_end_are_compared_at_once(tmp_path: Path) -> None:
    ran = headstart("try", SLOW, FAST, "--data", tmp_path / "data", "--blocks", "4", "--json")
    report = ran.report()
    startup = next(c for c in report["comparisons"] if c["metric"] == metrics.STARTUP.name)

    assert ran.status in (0, 1), ran.errors
    assert startup["verdict"] == "better"
    assert "ended by itself" in ran.errors
    assert yaml.safe_load(report["source_text"])["plan"]["blocks"] == 4


def test_a_program_that_stays_and_listens_nowhere_is_told_what_it_may_be() -> None:
    stays = f"{shlex.quote(sys.executable)} -c 'import signal; signal.pause()'"
    ran = headstart("init", stays, f"{stays} again")

    assert ran.status == 2
    assert "a worker, ready at a line of its log, needs a file" in ran.errors


def test_a_service_that_answers_none_of_the_usual_paths_is_not_measured_by_a_guess() -> None:
    serve = "import http.server as h; h.HTTPServer(('127.0.0.1', {}), type('H', (h.BaseHTTPRequest"
    serve += "Handler,), {{'do_GET': lambda self: self.send_error(404)}})).serve_forever()"
    serves = shlex.join([sys.executable, "-c", serve.format(free_port())])
    ran = headstart("init", serves, f"{serves} again")

    assert ran.status == 2
    assert "answered /health with 404, /healthz with 404, / with 404 when it was" in ran.errors
    assert "--ready says which" in ran.errors


def test_a_service_is_compared_by_what_it_does_when_it_is_started_once(tmp_path: Path) -> None:
    port = free_port()
    pair = served(port, "slow"), served(port)
    ran = headstart("try", *pair, "--data", tmp_path / "data", "--blocks", "3", "--json")

    assert f"port {port}: {pair[0]} listens there (--port says another)" in ran.errors
    assert f"ready GET /health: {pair[0]} answered it (--ready says another)" in ran.errors
    # By the interpreter's own name, which a virtual environment spells as it likes.
    (good,) = (v for v in ran.report()["variants"] if v["variant"].endswith("-good"))
    assert good["outcome"] == "measured", ran.errors


def test_init_writes_what_try_runs(tmp_path: Path) -> None:
    ran = headstart("try", SLOW, FAST, "--data", tmp_path / "data", "--blocks", "1", "--json")
    text, _ = made(SLOW, FAST, "--blocks", "1")

    assert ran.report()["source_text"] == text


def test_images_need_no_engine_to_be_written_down() -> None:
    text, ran = made("app:jit", "app:aot", "--port", "9000", "--ready", "/health")
    content = yaml.safe_load(text)

    assert content["variants"]["aot"] == {"image": "app:aot", "compilation": "aot"}
    assert content["service"] == {"port": 9000, "ready": "GET /health"}
    assert "jit: image app:jit" in ran.errors
    assert "aot: image app:aot" in ran.errors


def test_what_is_said_holds_and_is_written() -> None:
    text, _ = made(
        "app:1", "app:2", "--port", "80", "--baseline", "app:2", "--name", "mine",
        "--ready", "HEAD /x -> 204", "--check", "/a -> 200", "--duration", "20s",
        "--blocks", "auto",
    )  # fmt: skip
    content = yaml.safe_load(text)

    assert (content["experiment"], content["baseline"]) == ("mine", "2")
    assert content["service"]["ready"] == "HEAD /x -> 204"
    assert content["service"]["checks"] == ["GET /a -> 200"]
    assert content["load"] == {"request": "GET /a", "connections": 16, "duration": "20s"}
    assert content["plan"]["blocks"] == "auto"


def test_what_is_no_request_is_told_before_anything_is_started() -> None:
    ran = headstart("try", "sleep 1", "sleep 2", "--ready", "health", "--check", "players")

    assert ran.status == 2
    assert [line.split(":")[0] for line in ran.errors.removeprefix("headstart: ").splitlines()] == [
        "--ready",
        "--check",
    ]


def test_a_command_takes_its_environment_and_a_port_from_it() -> None:
    text, ran = made("PORT=9000 true", "PORT=9000 false", "--ready", "/")

    assert yaml.safe_load(text)["variants"]["true"]["env"] == {"PORT": "9000"}
    assert "port 9000: PORT of PORT=9000 true" in ran.errors


def test_a_file_elsewhere_means_the_same_programs(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "er"
    folder.mkdir(parents=True)
    headstart("init", "./a", "./b", "--batch", "-o", folder / "x.yaml")
    experiment = load_experiment((folder / "x.yaml").read_text(), str(folder))

    assert {v.command.working_directory for v in experiment.variants} == {str(tmp_path)}


def test_a_file_that_is_there_is_replaced_only_by_force(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("mine")
    arguments = "init", "app:1", "app:2", "--port", "80", "--ready", "/", "-o", file
    refused = headstart(*arguments)

    assert (refused.status, file.read_text()) == (2, "mine")
    assert "--force" in refused.errors
    assert headstart(*arguments, "--force").status == 0
    assert load_experiment(file.read_text(), "/work").name == "app"


def test_a_signal_ends_what_was_started_to_be_looked_at(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    script = f"import os, time; open({str(note)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    thing = shlex.join([sys.executable, "-c", script])
    with subprocess.Popen([HEADSTART, "init", thing, "true", "--if-busy", "go-on"]) as asked:
        wait_until(lambda: note.exists() and note.read_text() != "", 60)
        asked.terminate()
        status = asked.wait(30)

    assert status == 143
    assert not Path(f"/proc/{note.read_text()}").exists()


def test_without_anything_to_compare_the_file_is_an_example() -> None:
    text, ran = made()

    assert list(yaml.safe_load(text)["variants"]) == ["jit", "aot"]
    assert "an example" in ran.errors


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "at least two images or commands"),
        (["app:1"], "at least two images or commands"),
        (["app:1", "app:2"], "--port"),
        (["app:1", "app:2", "--port", "80", "--blocks", "many"], "--blocks: expected auto or"),
        (["app:1", "app:2", "--port", "80", "--duration", "30"], "--duration: 30 has no unit"),
        (["app:1", "app:2", "--port", "80", "--ready", "x"], "--ready: expected a path"),
        (["app:1", "app:2", "--port", "80", "--check", "GT /"], "--check: expected GET"),
        (["app:1", "app:2", "--port", "80", "--name", "No Name"], "--name: "),
        (["app:1", "app:2", "--port", "80", "--baseline", "3"], "--baseline: none of them"),
        (["app:1", "app:2", "--port", "0"], "--port"),
        (["app:1", "app:2", "--batch", "--port", "80"], "--batch: "),
        (["true", "true | cat"], "needs a shell"),
        (["true", "a 'b"], "cannot be parted into words"),
        (["true", ""], "names no program"),
        (["true", "no-such-program-here"], "neither a program nor an image"),
        (["/nonexistent/program x", "true"], "cannot be started: No such file"),
        (["false", "true"], "false ended with status 1"),
        (["true", "true", "--duration", "3s"], "--duration"),
        (["app/Server:1", "app:1", "--image"], "--image: 'app/Server:1' is no reference"),
    ],
)
def test_a_mistake_is_said_before_anything_runs(
    arguments: list[str], words: str, tmp_path: Path
) -> None:
    said = CliRunner().invoke(cli, ["try", *arguments])

    assert isinstance(said.exception, InputError | SystemExit), said.exception
    assert said.exit_code == 2 or isinstance(said.exception, InputError)
    assert words in said.output + str(said.exception)
    assert not (tmp_path / ".headstart").exists()


@pytest.mark.parametrize(
    ("text", "kind", "is_image"),
    [
        ("players:jit", None, True),
        ("r.example/players@sha256:" + "a" * 64, None, True),
        ("sha256:" + "a" * 64, None, True),
        ("true", None, False),
        ("./players", None, False),
        ("players -p 1", None, False),
        ("true", "image", True),
        ("players:jit", "command", False),
    ],
)
def test_an_image_is_told_from_a_command(text: str, kind: str | None, is_image: bool) -> None:
    assert bool(thing_of(text, kind, LocalEngine()).image) is is_image


class _Holding(LocalEngine):
    """An engine that holds every image."""

    def image(self, reference: str) -> dict[str, object]:
        return {"Id": reference, "Config": {}}


def test_a_name_that_is_both_is_asked_about() -> None:
    assert thing_of("players", None, _Holding()).image == "players"
    with pytest.raises(InputError, match="both an image of this host's engine and the program"):
        thing_of("true", None, _Holding())


@pytest.mark.dotnet
@pytest.mark.docker
def test_images_are_looked_at_also_where_the_baseline_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("DOCKER_HOST")
    missing = made("players:mistyped", "players:jit-deps")[0]
    text, ran = made("players:jit-deps", "players:aot-scratch")
    service = yaml.safe_load(text)["service"]

    assert (service["port"], service["ready"]) == (9000, "GET /health")
    assert yaml.safe_load(missing)["service"]["ready"] == "GET /health"
    assert "ASPNETCORE_URLS of players:jit-deps" in ran.errors
