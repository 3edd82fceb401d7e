"""Every command on a run whose words an agent and its app chose: bytes as they come out."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Timer
from urllib.request import urlopen
from xml.etree import ElementTree

import pytest
import yaml

from headstart.v1.experiments_pb2 import RunState
from headstart.v1.fleet_pb2 import Hello
from headstart.v1.records_pb2 import CheckOutcome, Record, TrialOutcome
from support.attending import attend, collecting, envelope, hello, run_of, submit, watched
from support.fake_runs import AOT, BROKEN, JIT, Fake, host_facts
from support.hostile_words import HOSTILE, fill, forged_in, hostile_in
from support.running import HEADSTART, app, experiment, free_port

EXPERIMENT = """
experiment: players
baseline: jit
variants:
  jit: {image: "players:jit", compilation: jit}
  aot: {image: "players:aot", compilation: aot}
  aot-broken: {image: "players:broken", compilation: aot}
service: {port: 9000, ready: GET /health}
plan: {blocks: 3}
"""


def spoil(outcome: TrialOutcome) -> None:
    """Every text that a trial's outcome can hold."""
    outcome.flags.add(code="x", effect=1, text="x")


def hostile_records() -> Iterator[Record]:
    """A whole run in which every text but the variants' names is hostile."""
    fake = Fake(kinds=(JIT, AOT, BROKEN), blocks=3, load_every=0, disturb=spoil)
    records = list(fake.records())
    end = records.pop()
    check = CheckOutcome(trial=1, check="x", expected="x", actual="x")
    records.append(Record(check_outcome=check))
    for record in (*records, end):
        fill(record, keep=("variant", "digest"))
        if record.HasField("run_started"):
            record.run_started.host.host = "h1"
        yield record


def said_hello() -> Hello:
    """A host's name is held to a form elsewhere; all else that it says of itself is free."""
    said = hello(host="h1")
    facts = host_facts()
    fill(facts)
    facts.host = "h1"
    said.host.CopyFrom(facts)
    return said


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What the commands and the scrape answered, by what was asked; see `asked_of`."""
    return asyncio.run(asked_of(tmp_path_factory.mktemp("hostile")))


async def asked_of(folder: Path) -> dict[str, bytes]:
    async with collecting(folder, metrics_listen="127.0.0.1:0") as collector:
        port = collector.port
        ended: dict[str, bytes] = {}

        async def ask(name: str, *arguments: str | Path) -> None:
            to = ("--plaintext", "--collector", f"127.0.0.1:{port}")
            ended[name] = await asyncio.to_thread(both, *arguments, *to)

        async with attend(port, said_hello()) as agent:
            (run_id,) = await submit(port, EXPERIMENT, revision="r1")
            await agent.until("lease")
            await agent.beat((run_id, 1), doing=HOSTILE)
            while not (await run_of(port, run_id)).progress.doing:
                await asyncio.sleep(0.01)
            to = ("--plaintext", "--collector", f"127.0.0.1:{port}")
            watch = begun("watch", run_id, *to)
            # Before the run ends: afterwards it would be told of the end alone.
            said = await asyncio.to_thread(first_line, watch)
            await ask("status of a run that is leased", "status")
            records = [
                envelope(number, run_id, record=record)
                for number, record in enumerate(hostile_records(), 1)
            ]
            for each in records:
                await agent.send(each)
            await watched(port, run_id, RunState.RUN_STATE_DONE)
            rest, _ = await asyncio.to_thread(watch.communicate, timeout=120)
            ended["watch"] = said + rest
        await ask("status", "status")
        await ask("status as JSON", "status", "--json")
        for name in ("html", "md", "json", "log"):
            path = folder / f"report.{name}"
            await ask(f"written {name}", "report", run_id, "-o", path)
            ended[name] = path.read_bytes()
        for form in ("terminal", "markdown", "json", "build-logs"):
            await ask(f"report {form}", "report", run_id, "--format", form)
        files = ("--markdown", folder / "gate.md", "--junit", folder / "gate.xml")
        await ask("gate", "gate", folder / "report.json", *files)
        ended["gate.md"] = (folder / "gate.md").read_bytes()
        ended["gate.xml"] = (folder / "gate.xml").read_bytes()
        page = ("--html", folder / "compare.html")
        await ask("compare", "compare", run_id, run_id, *page)
        ended["compare.html"] = (folder / "compare.html").read_bytes()
        await ask("compare as JSON", "compare", run_id, run_id, "--json")
        pages = ("--html", folder / "pool.html", "--markdown", folder / "pool.md")
        await ask("pool", "pool", run_id, *pages)
        ended["pool.html"] = (folder / "pool.html").read_bytes()
        ended["pool.md"] = (folder / "pool.md").read_bytes()
        await ask("pool as JSON", "pool", run_id, "--json")
        await ask("history", "history", "players")
        ended["scrape"] = await asyncio.to_thread(scraped, collector.metrics_port)
        return ended


def outside_of_fences(markdown: bytes) -> str:
    return re.sub(r"(?ms)^(`{3,})\w*\n.*?^\1$", "", markdown.decode())


def begun(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [HEADSTART, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def first_line(command: subprocess.Popen[bytes]) -> bytes:
    """Of its output; empty when it ended, or said nothing for a minute and was killed."""
    assert command.stdout is not None
    impatience = Timer(60, command.kill)
    impatience.start()
    try:
        return command.stdout.readline()
    finally:
        impatience.cancel()


def both(*arguments: str | Path) -> bytes:
    """Standard output and standard error of a command; it must not end in a traceback."""
    ran = subprocess.run(
        [HEADSTART, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
        check=False,
    )
    assert b"Traceback" not in ran.stdout, ran.stdout.decode()
    assert ran.stdout or ran.returncode == 0, arguments
    return ran.stdout


def scraped(port: int | None) -> bytes:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        body: bytes = answer.read()
        return body


def test_nothing_that_a_command_writes_holds_a_control(
    reports: dict[str, bytes],
) -> None:
    found = {name: hostile_in(output) for name, output in reports.items()}

    assert {name: hostile for name, hostile in found.items() if hostile} == {}


def test_no_line_is_forged_but_in_blocks_that_quote_a_program(reports: dict[str, bytes]) -> None:
    quoting = {"html", "md", "report markdown", "gate.md", "gate.xml", "log", "report build-logs"}
    found = {name: forged_in(reports[name]) for name in reports.keys() - quoting}
    outside = {
        name: forged_in(outside_of_fences(reports[name]).encode())
        for name in ("md", "report markdown", "gate.md")
    }

    assert {name: forged for name, forged in (found | outside).items() if forged} == {}


def test_what_was_said_can_still_be_read(reports: dict[str, bytes]) -> None:
    shown = [r"\x1b]0;pwned\x07RED\x1b[2J", r"\u202egnp\u200b\ufeff\ufffe\x00\x7f"]

    for name in ("watch", "status", "report terminal", "html", "gate.xml"):
        assert all(part in reports[name].decode() for part in shown), (name, reports[name])


def test_html_has_no_markup_of_others(reports: dict[str, bytes]) -> None:
    for name in ("html", "compare.html", "pool.html"):
        assert b"<img" not in reports[name]
        assert b"<script" not in reports[name]


def test_markdown_has_no_markup_of_others(reports: dict[str, bytes]) -> None:
    for name in ("md", "report markdown", "gate.md", "pool.md"):
        text = outside_of_fences(reports[name])

        assert r"\[click\](javascript" in text
        assert re.findall(r"(?<!\\)\](?=\()|(?<!\\)<", text) == []


def test_json_and_xml_are_whole(reports: dict[str, bytes]) -> None:
    assert json.loads(reports["json"])["host"]["facts"]
    assert json.loads(reports["report json"]) == json.loads(reports["json"])
    assert ElementTree.fromstring(reports["gate.xml"]).tag == "testsuites"  # noqa: S314  # ours
    assert reports["scrape"].decode().count("headstart_host_up") == 3


SPEAKER = f"import os, sys; os.write(2, {HOSTILE.encode()!r}); sys.exit(3)"


def test_an_app_that_dies_with_hostile_words_reaches_no_terminal_and_no_report(
    tmp_path: Path,
) -> None:
    port = free_port()
    variants = {"good": app(port), "speaker": {"command": [sys.executable, "-c", SPEAKER]}}
    file = tmp_path / "experiment.yaml"
    file.write_text(yaml.safe_dump(experiment(port, variants), sort_keys=False))
    output = both("run", file, "--data", tmp_path / "data")
    written = [path.read_bytes() for path in (tmp_path / "data/reports").rglob("*.*")]

    assert len(written) == 3
    assert rb"\x1b]0;pwned" in output
    assert [hostile_in(each) for each in (output, *written)] == [[]] * 4
    assert forged_in(output) == []
