"""The decision record of several runs: what it answers, from which run, and what none measured."""

from dataclasses import replace

import pytest

from headstart.collector.analysis.across.assessment import Assessment, assess
from headstart.collector.findings import PackageCheck, RunResult, Working
from headstart.collector.report.formats.assessment_markdown import assessment_markdown
from headstart.collector.report.views.checklist_view import checklist, to_do, verdict_of
from support.fake_builds import builds
from support.fake_runs import AOT, BROKEN, JIT, Fake, small


@pytest.fixture(scope="module")
def working() -> RunResult:
    run = Fake(kinds=(JIT, AOT), blocks=6, load_every=2, load_seconds=60).result()
    return replace(run, experiment="minimal", run_id="r-minimal")


@pytest.fixture(scope="module")
def broken() -> RunResult:
    run = small(kinds=(JIT, BROKEN), blocks=3).result()
    checks = (
        PackageCheck("AutoMapper", "jit", Working.WORKS, ("maps",), None),
        PackageCheck("AutoMapper", BROKEN.name, Working.BROKEN, ("maps",), 12),
        PackageCheck("Validation*", BROKEN.name, Working.WORKS, ("validates",), 0),
    )
    return replace(run, experiment="app", run_id="r-app", package_checks=checks)


@pytest.fixture(scope="module")
def assessment(working: RunResult, broken: RunResult) -> Assessment:
    return assess([broken, working], {"as it stands": ["app"], "on minimal API": ["minimal"]})


def answers(assessment: Assessment) -> dict[str, str]:
    return {question.asked: question.answered for question in checklist(assessment)}


def section(text: str, heading: str) -> str:
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def test_each_subject_has_its_answer_from_its_own_run(assessment: Assessment) -> None:
    text = section(assessment_markdown(assessment), "Recommendation")

    assert "Do not compile it ahead of time as it is: aot-broken cannot be shipped." in text
    assert "run r-app" in text
    assert "run r-minimal" in text
    assert text.index("as it stands") < text.index("on minimal API")


def test_what_no_run_measured_is_said_and_becomes_a_task(assessment: Assessment) -> None:
    found = answers(assessment)

    assert found["Build time before and after"] == "not measured"
    assert found["Startup before and after"] == "partly"
    assert found["Libraries are checked for compatibility"] == "yes"
    assert (
        "Measure what no run did: build time before and after (as it stands and on minimal API)"
        in (to_do(assessment))
    )


def test_every_figure_stands_beside_its_run_and_a_dead_variant_has_none(
    assessment: Assessment,
) -> None:
    text = assessment_markdown(assessment)
    dead = section(text, "Before and after: as it stands").split("\n")
    alive = section(text, "Before and after: on minimal API").split("\n")
    startup = {
        name: next(row for row in rows if row.startswith("| Startup |"))
        for name, rows in (("dead", dead), ("alive", alive))
    }

    assert "does not start" in startup["dead"]
    assert startup["alive"].endswith("| better | r-minimal |")
    assert " ms (" in startup["alive"]
    assert "| Build | not measured | not measured | – |  |  |" in alive


def test_a_build_of_another_run_of_the_subject_fills_what_the_judged_one_does_not_build(
    working: RunResult,
) -> None:
    from headstart.collector.analysis.analyse import analyse_run

    fake = Fake(kinds=(JIT, AOT), blocks=3, load_every=0)
    records = list(fake.records())
    built = analyse_run(fake.info(), [records[0], *builds(), *records[1:]])
    built = replace(built, experiment="minimal-build", run_id="r-build")
    found = assess([working, built], {"app": ["minimal", "minimal-build"]})
    text = section(assessment_markdown(found), "Before and after: app")
    row = next(line for line in text.split("\n") if line.startswith("| Build |"))

    assert row.endswith("| r-build |")
    assert "not measured" not in row
    assert answers(found)["Build time before and after"] == "yes"
    assert answers(found)["Warnings of trimming and compiling are found and sorted"] == "yes"


def test_a_broken_library_is_a_task_with_its_check_and_its_run(assessment: Assessment) -> None:
    text = assessment_markdown(assessment)
    row = "| AutoMapper | aot-broken | broken | maps | 12 places | r-app |"

    assert row in section(text, "Compatibility of libraries")
    assert (
        "Replace AutoMapper, or use what it has for ahead-of-time compilation: maps fails on "
        "aot-broken (run r-app; its build warns in 12 places)"
    ) in to_do(assessment)
    assert "> - [ ] Replace AutoMapper" in section(text, "Follow-up issue")


def test_base_images_that_were_asked_for_and_are_not_there_are_named(
    assessment: Assessment,
) -> None:
    text = section(assessment_markdown(assessment), "Base images")

    assert "Alpine" in text.rpartition("not measured")[0].rpartition("\n")[2]


def test_a_variant_that_proceeds_is_what_is_recommended(working: RunResult) -> None:
    found = assess([working], {})
    decided = {each.variant: each.decision.value for each in working.recommendations}

    assert decided == {"aot": "proceed"}
    assert verdict_of(found.subjects[0]) == "Compile it ahead of time: aot can replace jit."


def test_words_of_others_make_no_markup(broken: RunResult) -> None:
    marked = replace(broken, experiment="app", revision="<img src=x>")
    text = assessment_markdown(assess([marked], {"a|b <i>": ["app"]}), "t\n# second")

    assert "\\<img src=x\\>" in text
    assert "a\\|b \\<i\\>" in text
    assert text.startswith("# t \\# second\n")
