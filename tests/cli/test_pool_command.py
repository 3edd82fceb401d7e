"""`headstart pool`, and the page of `headstart compare`, on files of reports."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from headstart.cli.latest import latest_of_each_host
from headstart.collector.findings import RunResult
from headstart.collector.findings.json import to_json
from headstart.v1.experiments_pb2 import RunState, RunSummary
from headstart.words import metrics
from headstart.words.json_schema_number import SCHEMA
from support.fake_runs import AOT, BROKEN, JIT, Fake, small
from support.running import headstart

LEVEL_JIT = replace(JIT, first_per_second=14_600, climb_seconds=0)


def written(folder: Path, host: str, result: RunResult) -> Path:
    path = folder / f"{host}.json"
    path.write_text(
        to_json(replace(result, host=replace(result.host, name=host, fingerprint=host)))
    )
    return path


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    folder = tmp_path_factory.mktemp("good")
    fake = Fake(kinds=(LEVEL_JIT, AOT), blocks=6, load_every=2, load_seconds=60)
    return tuple(
        written(folder, host, replace(fake, seed=seed).result())
        for seed, host in enumerate(("alpha", "beta", "gamma"))
    )


def test_three_hosts_that_proceed_are_one_answer(tmp_path: Path, good: tuple[Path, ...]) -> None:
    page, summary = tmp_path / "page.html", tmp_path / "summary.md"
    summary.write_text("# What came before\n")
    ran = headstart("pool", *good, "--html", page, "--markdown", summary)

    assert ran.status == 0, ran.errors
    assert "aot passes its gates on all 3 hosts: alpha, beta and gamma." in ran.output
    assert "Startup: better on all 3 hosts, mean ratio 0.10" in ran.output
    assert "<svg" in page.read_text()
    assert summary.read_text().startswith("# What came before\n## Headstart: players-api on 3")


def test_json_holds_every_host_of_every_metric(good: tuple[Path, ...]) -> None:
    ran = headstart("pool", *good, "--json")
    found = json.loads(ran.output)
    startup = found["metrics"][0]

    assert found["schema"] == SCHEMA
    assert startup["metric"] == metrics.STARTUP.name
    assert [host["host"] for host in startup["hosts"]] == ["alpha", "beta", "gamma"]
    assert sum(host["weight"] for host in startup["hosts"]) == pytest.approx(1)
    assert found["recommendations"][0]["decision"] == "proceed"


def test_one_host_that_rejects_exits_with_1(tmp_path: Path, good: tuple[Path, ...]) -> None:
    bad = small(kinds=(LEVEL_JIT, replace(BROKEN, name="aot")), blocks=3).result()
    ran = headstart("pool", good[0], written(tmp_path, "delta", bad))

    assert ran.status == 1
    assert "aot is rejected on delta (1 of 2 hosts)" in ran.output


def test_a_profile_is_held_against_every_host(good: tuple[Path, ...]) -> None:
    ran = headstart("pool", *good, "--profile", "native-aot-api")

    assert ran.status == 1
    assert "rejected on alpha, beta and gamma" in ran.output


def test_unlike_things_are_wrong_input(tmp_path: Path, good: tuple[Path, ...]) -> None:
    other = written(tmp_path, "other", replace(small(blocks=3).result(), experiment="squad-api"))
    refused = {
        "different experiments": headstart("pool", good[0], other),
        "counts twice": headstart("pool", good[0], good[0]),
        "--experiment": headstart("pool"),
        "No such file": headstart("pool", tmp_path / "missing.json"),
    }

    for words, ran in refused.items():
        assert ran.status == 2
        assert words in ran.errors


def test_a_collector_that_does_not_answer_is_a_failure_of_the_system() -> None:
    ran = headstart(
        "pool", "--experiment", "players-api", "--plaintext", "--collector", "127.0.0.1:1"
    )

    assert ran.status == 3


def test_compare_writes_a_page(tmp_path: Path, good: tuple[Path, ...]) -> None:
    page = tmp_path / "compare.html"
    ran = headstart("compare", good[0], good[1], "--html", page)

    assert ran.status == 0, ran.errors
    assert "B against A" in page.read_text()
    unwritable = headstart("compare", good[0], good[1], "--html", tmp_path / "no" / "page.html")
    assert unwritable.status == 2


def summary(run_id: str, host: str, revision: str = "r2", state: str = "DONE") -> RunSummary:
    return RunSummary(
        run_id=run_id,
        host=host,
        revision=revision,
        state=RunState.Value(f"RUN_STATE_{state}"),
    )


def test_the_latest_of_each_host_is_of_the_newest_revision_that_ended() -> None:
    runs = [
        summary("7", "alpha", "r3", "QUEUED"),
        summary("6", "beta", state="LEASED"),
        summary("5", "gamma", state="FAILED"),
        summary("4", "alpha"),
        summary("3", "gamma"),
        summary("2", "delta", "r1"),
    ]
    found = latest_of_each_host(runs, None)

    assert found is not None
    assert found.run_ids == ("4", "5")
    assert found.pending == ("run 6 on beta is leased",)


@pytest.mark.parametrize("state", ["LEASED", "QUEUED", "CANCELLED"])
def test_one_that_says_nothing_yet_leaves_the_older_one_of_its_host(state: str) -> None:
    found = latest_of_each_host([summary("3", "alpha", state=state), summary("2", "alpha")], None)

    assert found is not None
    assert (found.run_ids, found.pending) == (("2",), ())
    said = f"run 3 on alpha is {state.lower()}: 2 stands for that host"
    assert found.passed_over == (said,)


def test_where_all_were_cancelled_the_newest_stands() -> None:
    runs = [summary(run_id, "alpha", state="CANCELLED") for run_id in ("3", "2")]
    found = latest_of_each_host(runs, None)

    assert found is not None
    assert found.run_ids == ("3",)


def test_a_revision_can_be_asked_for_and_may_have_no_run_that_ended() -> None:
    runs = [summary("2", "alpha"), summary("1", "alpha", "r1")]

    asked = latest_of_each_host(runs, "r1")
    assert asked is not None
    assert asked.run_ids == ("1",)
    assert latest_of_each_host(runs, "r9") is None
    assert latest_of_each_host([], None) is None
