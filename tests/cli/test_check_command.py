"""`headstart check`: what is missing here, all at once, by its place in the file."""

import json
import socket
from pathlib import Path

import pytest

from headstart.cli.exit_codes import ExitCode
from support.running import app, experiment, free_port, headstart, run

pytestmark = pytest.mark.alone

FILE = """\
experiment: many
baseline: a
variants:
  a: {command: [/usr/bin/python3, none.py]}
  b:
    command:
      - ./none
  c: {build: {dockerfile: Dockerfile.none}}
service:
  port: PORT
  ready: GET /health
  checks:
    - GET /health
    - {command: [./none.sh]}
load: {request: GET /health, driver: wrk}
plan: {cpus: {server: "9998", load: "0,9999"}, memory: 16000GiB}
"""


def missing(output: str) -> list[str]:
    """Without the warnings, of what the plan cannot decide."""
    return [line for line in output.splitlines() if not line.startswith("warning: ")]


def test_all_that_is_missing_is_told_with_its_line_and_column(tmp_path: Path) -> None:
    file = tmp_path / "many.yaml"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        file.write_text(FILE.replace("PORT", str(taken.getsockname()[1])))
        ran = headstart("check", file, env={"PATH": str(tmp_path), "DOCKER_HOST": "unix:///none"})
    told = [line.partition(": ")[0::2] for line in missing(ran.output)]
    places = {place.removeprefix(f"{file}:"): rest.partition(": ")[0] for place, rest in told}

    assert ran.status == ExitCode.WRONG_INPUT, ran.errors
    assert ran.errors == ""
    assert places == {
        "4:35": "variants.a.command[1]",
        "7:7": "variants.b.command",
        "8:14": "variants.c.build",
        "10:9": "service.port",
        "14:17": "service.checks[1].command",
        "15:38": "load.driver",
        "16:23": "plan.cpus.server",
        "16:37": "plan.cpus.load",
        "16:56": "plan.memory",
    }


def test_a_program_reads_the_findings_as_json(tmp_path: Path) -> None:
    port = free_port()
    file = tmp_path / "one.yaml"
    file.write_text(
        "experiment: one\nbaseline: a\nvariants:\n"
        "  a: {command: [/none/app]}\n  b: {command: ['true']}\n"
        f"service: {{port: {port}, ready: GET /health}}\n"
    )
    ran = headstart("check", file, "--json")
    found = json.loads(ran.output)

    assert ran.status == ExitCode.WRONG_INPUT
    assert next(iter(found)) == "schema"
    assert (found["file"], found["ok"]) == (str(file), False)
    (one,) = [each for each in found["findings"] if each["level"] == "error"]
    assert one.pop("message").startswith("a cannot be started: no program /none/app")
    assert one == {"level": "error", "line": 4, "column": 16, "path": "variants.a.command"}


def test_mistakes_of_the_file_are_findings_too(tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("experiment: wrong\nbaseline: a\n")
    words, as_json = headstart("check", file), headstart("check", file, "--json")

    assert (words.status, as_json.status) == (ExitCode.WRONG_INPUT, ExitCode.WRONG_INPUT)
    assert "the key 'variants' is missing" in words.output
    assert not json.loads(as_json.output)["ok"]


def test_where_nothing_is_missing_that_is_said(tmp_path: Path) -> None:
    file = tmp_path / "good.yaml"
    port = free_port()
    file.write_text(json.dumps(experiment(port, {"a": app(port), "b": app(port)})))
    ran = headstart("check", file)

    assert ran.status == ExitCode.OK, ran.output
    assert "nothing is missing" in ran.output


def test_a_run_says_what_check_says_and_measures_nothing(tmp_path: Path) -> None:
    port = free_port()
    content = experiment(port, {"a": app(port), "b": {"command": ["/none/app"]}})
    ran = run(tmp_path, content)
    file = tmp_path / "experiment.yaml"
    checked = headstart("check", file)
    again = headstart("aa", file, "--variant", "b", "--data", tmp_path / "data")

    assert (ran.status, again.status) == (ExitCode.WRONG_INPUT, ExitCode.WRONG_INPUT)
    (line,) = missing(checked.output)
    assert line in ran.errors
    assert line in again.errors
    assert "--keep-going" in ran.errors
    assert not (tmp_path / "data").exists()


def test_the_plan_may_ask_for_what_can_be_measured(tmp_path: Path) -> None:
    port = free_port()
    variants = {"a": app(port), "b": {"command": ["/none/app"]}}
    ran = run(tmp_path, experiment(port, variants, plan={"blocks": 1, "keep_going": True}))

    assert "warning: " in ran.errors
    assert ran.variant("a")["outcome"] == "measured"
    assert "/none/app" in ran.variant("b")["failure_message"]


@pytest.mark.docker
def test_what_no_container_is_lent_is_told_although_the_file_asks_for_it(tmp_path: Path) -> None:
    """Where the run would keep its results, too."""
    file = tmp_path / "lent.yaml"
    file.write_text(
        "experiment: lent\nbaseline: a\nvariants:\n"
        f"  a: {{image: none, volumes: [{{host: {tmp_path}, at: /data}}]}}\n"
        "  b: {image: none, volumes: [{host: /proc, at: /data}]}\n"
        "  c: {image: none, volumes: [{host: /missing/x, at: /data}]}\n"
        "service: {port: 1, ready: GET /}\n"
    )
    ran = headstart("check", file, cwd=tmp_path)
    told = [line for line in missing(ran.output) if "volumes" in line]

    assert ran.status == ExitCode.WRONG_INPUT, ran.errors
    assert [line.partition(" of the host ")[2] for line in told] == [
        f"is lent to no container: {tmp_path}/.headstart lies in it",
        "is lent to no container: it is /proc, or lies in it",
        "cannot be lent: No such file or directory",
    ]
