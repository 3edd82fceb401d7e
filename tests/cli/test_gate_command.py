"""`headstart gate` and `headstart compare` on files of reports, as CI uses them."""

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from headstart.cli.errors import CommandError
from headstart.cli.results import read_report
from headstart.collector.findings import HostCheck, RunResult
from headstart.collector.findings.json import to_json
from headstart.words import metrics
from headstart.words.states import RunWord
from support.fake_runs import AOT, BROKEN, JIT, Fake, small
from support.running import headstart

LEVEL_JIT = replace(JIT, first_per_second=14_600, climb_seconds=0)


@pytest.fixture(scope="module")
def good() -> RunResult:
    return Fake(kinds=(LEVEL_JIT, AOT), blocks=6, load_every=2, load_seconds=60).result()


def written(folder: Path, name: str, result: RunResult) -> Path:
    path = folder / f"{name}.json"
    path.write_text(to_json(result))
    return path


def test_a_run_that_passes_exits_with_0_and_writes_what_ci_shows(
    tmp_path: Path, good: RunResult
) -> None:
    summary, junit = tmp_path / "summary.md", tmp_path / "gate.xml"
    summary.write_text("# What came before\n")
    report = written(tmp_path, "good", good)
    ran = headstart("gate", report, "--markdown", summary, "--junit", junit)

    assert ran.status == 0, ran.errors
    assert "aot passes all 5 gates" in ran.output
    assert summary.read_text().startswith("# What came before\n## Headstart: players")
    root = ElementTree.fromstring(junit.read_text())  # noqa: S314  # we wrote it
    assert root.find("testsuite") is not None


def test_another_profile_than_the_files_may_fail(tmp_path: Path, good: RunResult) -> None:
    ran = headstart("gate", written(tmp_path, "good", good), "--profile", "native-aot-api")

    assert ran.status == 1
    assert "App's own files at most 10.0 MB" in ran.output


def test_one_rejected_run_of_several_fails_all(tmp_path: Path, good: RunResult) -> None:
    bad = written(tmp_path, "bad", small(kinds=(JIT, BROKEN), blocks=3).result())
    ran = headstart("gate", written(tmp_path, "good", good), bad)

    assert ran.status == 1
    assert "does not start" in ran.output


@pytest.mark.parametrize("command", ["gate", "pool", "compare"])
def test_an_incomplete_run_is_not_judged(tmp_path: Path, good: RunResult, command: str) -> None:
    incomplete = replace(good, state=RunWord.INCOMPLETE, reason="the outcomes of 3 are stored")
    others = [written(tmp_path, "good", good)] if command == "compare" else []
    ran = headstart(command, written(tmp_path, "incomplete", incomplete), *others)

    assert ran.status == 3
    assert "is incomplete (the outcomes of 3 are stored): nothing is judged by it" in ran.errors
    assert ran.output == ""


def test_what_is_deferred_fails_only_when_asked_to(tmp_path: Path) -> None:
    deferred = written(tmp_path, "deferred", replace(small(blocks=6), checks=0).result())

    assert headstart("gate", deferred).status == 0
    assert headstart("gate", deferred, "--strict").status == 1


def test_a_report_from_a_host_that_failed_its_aa_run_is_deferred_by_any_profile(
    tmp_path: Path, good: RunResult
) -> None:
    check = HostCheck("aa-run", "players.aa", False, 0.0, 5, (metrics.STARTUP.name,))
    report = written(tmp_path, "unfit", replace(good, host=replace(good.host, check=check)))
    # Of the native image's own files 11 MB are counted, not measured: that one still rejects.
    ran = headstart("gate", report, "--profile", "ci-default")

    assert ran.status == 0, ran.errors
    assert "This host makes differences of its own: its A/A run aa-run" in ran.output
    assert headstart("gate", report, "--profile", "ci-default", "--strict").status == 1
    assert headstart("gate", report, "--profile", "native-aot-api").status == 1


def test_a_file_that_is_no_report_is_wrong_input(tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text("{}")

    for path in (other, tmp_path / "missing.json"):
        ran = headstart("gate", path)
        assert ran.status == 2
        assert path.name in ran.errors


def test_two_files_are_compared(tmp_path: Path, good: RunResult) -> None:
    one = written(tmp_path, "one", good)
    other = written(tmp_path, "other", replace(good, experiment="squad-api"))

    assert headstart("compare", one, one).status == 0
    refused = headstart("compare", one, other)
    assert refused.status == 2
    assert "different experiments" in refused.errors


def test_a_report_of_a_later_collector_says_what_to_do(good: RunResult) -> None:
    later = json.loads(to_json(good))
    later["variants"][0]["trials_on_the_moon"] = 1

    with pytest.raises(CommandError, match=r"trials_on_the_moon is not known.*: update this one"):
        read_report(json.dumps(later).encode())
