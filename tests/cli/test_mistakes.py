"""Mistakes that people make, what the command says, and what it exits with.

A row is a mistake; all of a row's words are on standard error. Add yours.
"""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from headstart.collector.findings.json import to_json
from support.fake_runs import AOT, JIT, small
from support.running import app, experiment, free_port, headstart

# What is typed, what is read on standard error, the exit code. {} are those of `desk`.
MISTAKES: tuple[tuple[str, tuple[str, ...], int], ...] = (
    # Commands and options.
    ("rnu good.yaml", ("No such command 'rnu'",), 2),
    ("run", ("Missing argument 'FILE'",), 2),
    ("run none.yaml", ("File 'none.yaml' does not exist",), 2),
    ("run good.yaml --blokcs 3", ("No such option", "--blocks"), 2),
    ("run good.yaml --blocks many", ("blocks",), 2),
    ("run good.yaml --label pool", ("--label: expected name=value, got 'pool'",), 2),
    ("run good.yaml --host=a/b", ("--host is 'a/b'; expected",), 2),
    # Without a file.
    ("try app:1", ("at least two images or commands",), 2),
    ("try true 'true | cat'", ("needs a shell", "sh -c"), 2),
    ("try true no-such-program", ("'no-such-program' is neither a program nor an image",), 2),
    ("try false true", ("false ended with status 1",), 2),
    ("try true true --blocks many", ("--blocks: expected auto or a whole number",), 2),
    ("init -o good.yaml", ("--output: good.yaml is there already; --force",), 2),
    ("init -o none/x.yaml", ("--output: there is no folder none",), 2),
    # Names that are empty, outputs that cannot be written: all at once.
    (
        "run good.yaml --host= --data good.yaml/x",
        ("--host: the name is empty", "--data: ", "is no folder"),
        2,
    ),
    ("aa good.yaml --variant=", ("--variant: the name is empty",), 2),
    (
        "gate report.json --junit= --markdown none/x.md",
        ("--junit: the name is empty", "--markdown: there is no folder none"),
        2,
    ),
    ("gate report.json --junit .", ("--junit: . is a folder; expected a file",), 2),
    ("compare report.json report.json --html none/x", ("--html: there is no folder none",), 2),
    ("pool report.json --html /proc/x", ("/proc/x: No such file or directory",), 2),
    ("export r -o good.yaml", ("--output: ", "good.yaml is no folder"), 2),
    ("rules write -o none/x.yml", ("--output: there is no folder none",), 2),
    ("rules write -o x.yml --config none.toml", ("none.toml", "cannot be read: No such"), 2),
    (
        "rules write -o x.yml --config good.yaml",
        ("good.yaml is no configuration of dashboards and alerts:", "not TOML: "),
        2,
    ),
    ("dashboards write -o good.yaml", ("--output: ", "good.yaml is no folder"), 2),
    ("report r -o report", ("say --format, or end the name in .json, .md, .html or .log",), 2),
    ("watch ''", ("RUN: the name is empty",), 2),
    ("watch", ("name runs, or --experiment",), 2),
    ("cancel", ("name runs, or say which by --experiment, --host or --label",), 2),
    ("cancel r --experiment x", ("name runs, or say which",), 2),
    ("submit good.yaml --expires soon", ("'soon' is no time; expected such as 90m",), 2),
    ("submit good.yaml --expires 0s", ("--expires: a second at least was expected",), 2),
    ("submit good.yaml --priority 101", ("101 is not in the range",), 2),
    ("submit good.yaml --strict", ("--strict goes with --wait",), 2),
    ("cancel --label pool", ("--label: expected name=value, got 'pool'",), 2),
    ("history ''", ("EXPERIMENT: the name is empty",), 2),
    ("status --host=", ("--host: the name is empty",), 2),
    # Reports and runs.
    ("gate", ("no runs are found", "--data"), 3),
    ("gate none.json", ("none.json: No such file",), 2),
    ("gate good.yaml", ("good.yaml is no report that this version reads",), 2),
    ("gate report.json --profile fast", ("'fast' is not one of", "ci-default"), 2),
    ("pool", ("name runs or files of reports, or --experiment",), 2),
    ("pool report.json report.json", ("name one of each host",), 2),
    ("compare report.json", ("Missing argument 'B'",), 2),
    # Collectors.
    ("status --collector nobody:1", ("--tls-authority", "--plaintext"), 2),
    ("status --collector unix:none.sock", ("none.sock",), 3),
    ("watch r --collector unix:none.sock", ("none.sock",), 3),
    # Runs that `headstart run` left.
    ("status --data none", ("--data none: no runs are stored there",), 2),
    ("report --data .", ("--data .: no runs are stored there",), 2),
    ("status --data . --collector unix:x", ("--data and --collector exclude each other",), 2),
    # Experiment files: everything with its line.
    ("run unknown.yaml", ("unknown.yaml:3:11: baseline", "did you mean 'good'?"), 2),
    ("run unit.yaml", ("unit.yaml:", "load.duration: 30 has no unit"), 2),
    ("run empty.yaml", ("empty.yaml",), 2),
    ("run latin1.yaml", ("latin1.yaml:1:15: byte 0xFC is not UTF-8", "looks like Latin-1"), 2),
    ("submit latin1.yaml", ("latin1.yaml:1:15: byte 0xFC is not UTF-8",), 2),
    ("check utf16.yaml", ("utf16.yaml:1:1: the file is UTF-16: save it as UTF-8",), 2),
    # What is missing on the machine is known before anything is measured.
    ("run program.yaml", ("program.yaml:", "/nonexistent/program"), 2),
    ("run port.yaml", ("port.yaml:", "{taken}"), 2),
    ("run cpu.yaml", ("cpu.yaml:", "4000"), 2),
    ("run image.yaml", ("image.yaml:", ": variants.other.image: "), 2),
    ("aa script.yaml --variant other", ("script.yaml:", "there is no file none.py in"), 2),
    ("run memory.yaml", ("memory.yaml:", "limit of 15 TiB, this host has"), 2),
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """A folder with files to mistake, and a port that is in use."""
    folder = tmp_path_factory.mktemp("desk")
    port = free_port()
    pair = {"good": app(port), "other": app(port)}
    load = {"request": "GET /x", "duration": 30}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        busy = taken.getsockname()[1]
        files = {
            "good": experiment(port, pair),
            "unit": experiment(port, pair, load=load),
            "program": experiment(port, pair | {"other": {"command": ["/nonexistent/program"]}}),
            "port": experiment(busy, {"good": app(busy), "other": app(busy)}),
            "image": experiment(port, pair | {"other": {"image": "headstart-test/none:0"}}),
            "script": experiment(port, pair | {"other": {"command": ["python3", "none.py"]}}),
            "memory": experiment(port, pair, plan={"memory": "15360GiB"}),
            "cpu": experiment(port, pair, plan={"cpus": {"server": "4000"}}),
        }
        for name, content in files.items():
            (folder / f"{name}.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
        (folder / "unknown.yaml").write_text(
            "# a comment\nexperiment: x\nbaseline: goood\nvariants:\n"
            "  good: {command: [a]}\n  other: {command: [b]}\nservice: {port: 1, ready: GET /}\n"
        )
        (folder / "latin1.yaml").write_bytes('experiment: "f\xfcr"'.encode("latin-1"))
        (folder / "utf16.yaml").write_bytes("experiment: x".encode("utf-16"))
        (folder / "empty.yaml").write_text("")
        (folder / "report.json").write_text(to_json(small(kinds=(JIT, AOT), blocks=3).result()))
        yield folder, busy


@pytest.mark.parametrize(("typed", "read", "status"), MISTAKES, ids=[row[0] for row in MISTAKES])
def test_a_mistake_is_told_and_nothing_else_happens(
    desk: tuple[Path, int], typed: str, read: tuple[str, ...], status: int
) -> None:
    folder, taken = desk
    before = sorted(path.name for path in folder.iterdir())
    ran = headstart(*(word.strip("'") for word in typed.split()), cwd=folder)

    assert ran.status == status, ran.errors
    assert [words for words in read if words.format(taken=taken) not in ran.errors] == []
    assert "Traceback" not in ran.errors
    assert "a fault of its own" not in ran.errors
    assert sorted(path.name for path in folder.iterdir()) == before


def test_there_are_thirty_of_them() -> None:
    assert len(MISTAKES) >= 30
