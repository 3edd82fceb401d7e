"""Which runs are one assessment, and what keeps others from it."""

from dataclasses import replace

import pytest

from headstart.collector.analysis.across.assessment import assess
from headstart.collector.findings import RunResult
from headstart.collector.findings.comparability import Incomparable
from headstart.words.states import RunWord
from support.fake_runs import AOT, JIT, R2R, small


@pytest.fixture(scope="module")
def app() -> RunResult:
    return replace(small(blocks=3).result(), experiment="squad", run_id="r-squad")


@pytest.fixture(scope="module")
def probes(app: RunResult) -> RunResult:
    return replace(app, experiment="squad-probes", run_id="r-probes")


def refused(*runs: RunResult, **subjects: list[str]) -> list[str]:
    with pytest.raises(Incomparable) as error:
        assess(runs, subjects)
    return str(error.value).split("\n")


def test_runs_are_grouped_as_asked_and_what_is_in_no_group_is_its_own(
    app: RunResult, probes: RunResult
) -> None:
    other = replace(app, experiment="players", run_id="r-players")
    found = assess([probes, app, other], {"the app": ["squad", "squad-probes"]})

    assert [subject.title for subject in found.subjects] == ["the app", "players"]
    assert found.subjects[0].judged is app
    assert found.runs == [app, probes, other]
    assert found.revision == "4f2c1d9"


def test_a_run_that_is_not_done_is_named_with_its_reason(app: RunResult) -> None:
    failed = replace(app, state=RunWord.FAILED, reason="the engine is away")

    assert refused(failed) == [
        "run r-squad (experiment squad) is failed: the engine is away; expected a run that is done"
    ]


def test_a_run_about_a_host_is_no_part_of_it(app: RunResult) -> None:
    (said,) = refused(replace(app, aa=True))

    assert "is an A/A run" in said


def test_a_run_of_another_question_is_told_by_what_it_compiles() -> None:
    (said,) = refused(small(kinds=(JIT, R2R), blocks=3).result())

    assert "is of another question: no variant says `compilation: aot`" in said
    assert "(jit is jit, r2r is mixed)" in said


def test_other_hosts_and_revisions_and_two_of_one_experiment_are_all_told_at_once(
    app: RunResult, probes: RunResult
) -> None:
    elsewhere = replace(probes, host=replace(app.host, name="perf2"))
    later = replace(app, experiment="players", run_id="r-players", revision="abc")
    again = replace(app, run_id="r-again")
    said = refused(app, elsewhere, later, again)

    assert len(said) == 3
    assert "is of host perf2" in said[0]
    assert "`headstart pool` joins hosts" in said[0]
    assert "is of revision abc, run r-squad (experiment squad) of 4f2c1d9" in said[1]
    assert "run r-again (experiment squad) and r-squad are both" in said[2]


def test_a_group_of_what_is_not_there_or_grouped_already_is_told(app: RunResult) -> None:
    said = refused(app, first=["squad", "sqaud"], second=["squad"])

    assert said == [
        "subject 'first': no run is of experiment 'sqaud'; there are squad",
        "subject 'second': experiment 'squad' is of 'first' already",
    ]


def test_nothing_is_no_assessment() -> None:
    assert refused() == ["there is no run; expected those of an assessment"]


def test_an_aot_variant_beside_a_jit_is_the_question() -> None:
    run = small(kinds=(JIT, AOT), blocks=3).result()

    assert assess([run], {}).subjects[0].title == "players-api"
