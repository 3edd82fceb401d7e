"""`headstart trials` on runs that `headstart run` or a collector has recorded."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from headstart.v1.records_pb2 import (
    Failure,
    FailureCode,
    Flag,
    FlagEffect,
    Job,
    TrialOutcome,
)
from headstart.words import metrics
from support.beside_runs import BesideFake
from support.fake_runs import small
from support.hostile_words import HOSTILE, hostile_in
from support.recorded import recorded
from support.running import headstart

MS = 1_000_000


def disturb(outcome: TrialOutcome) -> None:
    """The second trial has every stamp and a flag; the third has failed and has hostile words."""
    startup = outcome.startup
    if outcome.trial == 2:
        exec_ns = startup.exec_monotonic_ns
        startup.create_monotonic_ns = exec_ns - 400 * MS
        startup.gate_opened_monotonic_ns = exec_ns - MS
        startup.last_refused_monotonic_ns = exec_ns + 4 * MS
        startup.connected_monotonic_ns = exec_ns + 5 * MS
        startup.first_byte_monotonic_ns = exec_ns + 6 * MS
        startup.connect_attempts, startup.incorrect_responses = 7, 1
        startup.idle_share = 0.97
        startup.disturbance.probe_error_seconds = 0.0001
        outcome.flags.append(
            Flag(
                code="server-run-delay",
                effect=FlagEffect.FLAG_EFFECT_STARTUP_INVALID,
                text="it waited 9 ms for a CPU",
                value=0.009,
                limit=0.001,
            )
        )
        outcome.jobs.append(Job(input="4", duration_seconds=1.5, output_bytes=12, exit_status=0))
    if outcome.trial == 3:
        outcome.ClearField("startup")
        outcome.failure.CopyFrom(
            Failure(code=FailureCode.FAILURE_CODE_DOES_NOT_START, message=HOSTILE)
        )
        outcome.output_tail = HOSTILE


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder, and the id of a run of two blocks in it."""
    data = tmp_path_factory.mktemp("data")
    fake = replace(small(blocks=2), disturb=disturb)
    (run_id,) = recorded(data / "collector", fake.experiment(), fake.records())
    return data, run_id


def test_each_trial_is_a_row_with_its_outcome_its_startup_and_its_flags(
    run: tuple[Path, str],
) -> None:
    data, run_id = run
    ran = headstart("trials", run_id[:-1], "--data", data)
    rows = [line.split() for line in ran.output.splitlines() if line[:5].strip().isdecimal()]

    assert ran.status == 0, ran.errors
    assert run_id in ran.output
    assert [row[0] for row in rows] == ["1", "2", "3", "4"]
    assert rows[1][3] == "measured"
    assert rows[1][-1] == "server-run-delay"
    assert rows[1][5] == "-400.00"
    assert rows[2][3] == "does_not_start"
    assert set(rows[2][4:]) == {"-"}
    assert "CLOCK_MONOTONIC" in ran.output


def test_one_trial_is_shown_stamp_by_stamp(run: tuple[Path, str]) -> None:
    data, _ = run
    ran = headstart("trials", "--trial", "2", "--data", data)

    assert ran.status == 0, ran.errors
    for words in (
        "    -400.000  making of the instance",
        "       0.000  exec, by the gate",
        "       4.000  last connect refused",
        "       5.000  connected",
        "7 connects tried, 1 answers",
        "97 % idle",
        "server-run-delay (startup_invalid): it waited 9 ms for a CPU",
        "job 4: 1.50 s, exit 0, 12 bytes",
    ):
        assert words in ran.output
    assert "exit, by the kernel" not in ran.output


def test_json_holds_all_of_one_variant(run: tuple[Path, str]) -> None:
    data, run_id = run
    whole = json.loads(headstart("trials", run_id, "--json", "--data", data).output)
    names = [each["variant"] for each in whole["trials"]]
    ran = headstart("trials", run_id, "--json", "--variant", names[1], "--data", data)
    trials = json.loads(ran.output)["trials"]
    second = next(each for each in trials if each["trial"] == 2)

    assert (whole["run_id"], len(names)) == (run_id, 4)
    assert {each["variant"] for each in trials} == {names[1]}
    assert second["start"]["seconds_since_exec"]["create"] == -0.4
    assert (
        second[metrics.STARTUP.name]
        == second["start"]["seconds_since_exec"]["first_correct_response"]
    )
    assert second["flags"][0]["limit"] == 0.001
    assert second["start"]["disturbance"] == {
        "waited_seconds": None,
        "probe_error_seconds": 0.0001,
        "unanswered_seconds": 0.0,
        "cpus": None,
        "cpu_seconds": None,
    }
    assert second["jobs"][0]["output_bytes"] == 12


def test_foreign_words_are_clean_in_each_form(run: tuple[Path, str]) -> None:
    data, run_id = run
    for options in ((), ("--trial", "3"), ("--json",)):
        ran = headstart("trials", run_id, *options, "--data", data)
        assert ran.status == 0, ran.errors
        assert hostile_in(ran.output.encode()) == []


def test_what_is_not_there_is_said(run: tuple[Path, str]) -> None:
    data, run_id = run
    variant = headstart("trials", run_id, "--variant", "go", "--data", data)
    trial = headstart("trials", run_id, "--trial", "99", "--data", data)
    unknown = headstart("trials", "zz", "--data", data)

    assert (variant.status, trial.status, unknown.status) == (2, 2, 2)
    assert "has no trial of variant 'go' that has ended" in variant.errors
    assert "has no trial 99 that has ended" in trial.errors
    assert "there is no run 'zz'" in unknown.errors


def test_what_stood_beside_the_app_is_shown_with_its_trial(tmp_path: Path) -> None:
    fake = BesideFake(blocks=1)
    recorded(tmp_path / "collector", fake.experiment(), fake.records())
    (shown,) = (headstart("trials", "--trial", "1", "--data", tmp_path).output,)
    told = json.loads(headstart("trials", "--trial", "2", "--json", "--data", tmp_path).output)

    assert "  beside the app: db, ready after 1.50 s, CPU time " in shown
    assert "  beside the app: cache, ready after 250 ms, 2 of its processes killed" in shown
    (trial,) = told["trials"]
    db, cache = trial["beside"]
    assert (db["name"], db["ready_seconds"]) == ("db", 1.5)
    assert db["memory_peak_bytes"] > db["memory_bytes"] > 0
    assert (cache["ready_seconds"], cache["cpu_seconds"], cache["oom_kills"]) == (None, None, 2)
