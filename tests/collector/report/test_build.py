"""Builds and diagnostics in every format: what is said, and that hostile text stays text."""

import io
from collections.abc import Iterable
from dataclasses import replace

import pytest
from rich.console import Console

from headstart.collector.analysis.analyse import analyse_run
from headstart.collector.findings import (
    BuildPart,
    BuildStage,
    Category,
    RunResult,
    VariantBuild,
    Working,
)
from headstart.collector.report.formats.html import render_html
from headstart.collector.report.formats.markdown import render_markdown
from headstart.collector.report.formats.terminal_report import print_result
from headstart.collector.report.views import build_view
from headstart.v1.records_pb2 import (
    DIAGNOSTIC_RISK_FAILS_WHEN_REACHED as FAILS,
    CheckOutcome,
    Record,
)
from support.fake_builds import DIAGNOSTICS, build, builds, diagnostic, failed_build
from support.fake_runs import small


def result_with(records: Iterable[Record]) -> RunResult:
    fake = small(blocks=3)
    return analyse_run(fake.info(), [*fake.records(), *records])


@pytest.fixture(scope="module")
def built() -> RunResult:
    return result_with(builds())


def printed(result: RunResult) -> str:
    out = io.StringIO()
    print_result(result, Console(file=out, width=160))
    return out.getvalue()


def test_a_row_has_the_median_of_clean_builds_the_cached_one_and_the_memory(
    built: RunResult,
) -> None:
    jit, aot = build_view.build_rows(built)

    assert (jit.clean, jit.clean_detail, jit.cached) == (
        "5.20 s",
        "3 builds, 5.10 s to 5.30 s",
        "1.20 s",
    )
    assert (aot.clean, aot.memory, aot.memory_detail) == (
        "24.6 s",
        "870 MB",
        "1.74 GB with page cache",
    )


def test_parts_stand_in_their_order_and_what_none_explains_last(built: RunResult) -> None:
    names, rows = build_view.split_rows(built)

    assert names == ["jit", "aot"]
    assert [row.part for row in rows] == [
        "context",
        "restore",
        "compile",
        "ILC",
        "link",
        "other steps",
    ]
    assert rows[3].cells == ("–", "11.9 s")


def test_a_build_without_parts_has_no_split() -> None:
    plain = VariantBuild("aot", True, 1, "classic", 9.0, (BuildStage("RUN make", 0, 8, False),))
    parted = replace(plain, stages=(replace(plain.stages[0], parts=(BuildPart("link", 7, 1),)),))
    result = replace(result_with([]), builds=(plain,))

    assert build_view.split_rows(result) == ([], [])
    assert build_view.split_line(plain) == ""
    assert build_view.split(parted) == [("link", 1), ("other steps", 8.0)]


def test_every_format_has_the_build_and_its_diagnostics(built: RunResult) -> None:
    texts = [render_html(built), render_markdown(built), printed(built)]

    for text in texts:
        assert "24.6 s" in text
        assert "870 MB" in text
        assert "11.9 s" in text
        assert "31 findings in 13 places: 12 review, 1 suppressible" in text
        assert "IL3050 × 9, IL2026 × 1" in text.replace("\u00a0", " ")


def test_a_build_that_failed_is_a_failure_with_its_evidence() -> None:
    outcome = failed_build("aot", diagnostic("", "linker", severity="error", text="no linker"))
    result = result_with([Record(build_outcome=outcome), Record(build_outcome=build("jit"))])
    (row,) = [row for row in build_view.build_rows(result) if row.failed]

    assert (row.variant, row.clean) == ("aot", "failed")
    (table,) = [t for t in build_view.diagnostic_tables(result) if t.variant == "aot"]
    assert table.rows[0].category is Category.BLOCKING
    for text in (render_html(result), render_markdown(result), printed(result)):
        assert "1 finding in 1 place: 1 blocking" in text


def test_the_summary_says_why_there_may_be_more() -> None:
    warned = [diagnostic("A", "IL2104"), diagnostic("A", "IL3052", risk=FAILS)]
    outcome = build("aot", diagnostics=warned)
    outcome.log_clipped = True
    outcome.silenced.extend(f"web{n}.csproj: NoWarn IL2026" for n in range(7))
    (table,) = build_view.diagnostic_tables(result_with([Record(build_outcome=outcome)]))

    assert table.summary == (
        "at least 2 findings in 2 places: 2 review; the builder kept back a part of the output;"
        " 1 of the places each stand for an unknown number, an assembly's; silenced:"
        + ",".join(f" web{n}.csproj: NoWarn IL2026" for n in range(5))
        + " and 2 more"
    )
    assert table.rows[0].reason == "1 fail when reached, 1 may fail"


def test_a_build_without_warnings_says_so() -> None:
    result = result_with([Record(build_outcome=build("jit"))])
    (table,) = build_view.diagnostic_tables(result)

    assert table.summary == "no warnings"
    for text in (render_html(result), render_markdown(result), printed(result)):
        assert "no warnings" in text


def test_a_run_without_builds_says_nothing_of_them() -> None:
    result = result_with([])

    assert 'id="build"' not in render_html(result)
    assert "## Build" not in render_markdown(result)
    assert "where the time goes" not in printed(result)


def test_what_a_compiler_wrote_stays_text_and_does_not_fill_the_page() -> None:
    evil = "<script>alert(1)</script> [link](http://x) \x1b[31m `|`" + "x" * 5000
    told = [diagnostic(f"<b>{n}|", f"E{n}", text=evil, member="<i>m</i>") for n in range(40)]
    outcome = build("aot", diagnostics=told)
    outcome.steps[2].name = evil
    outcome.steps[2].parts[0].name = "<u>part</u>"
    result = result_with([Record(build_outcome=outcome)])
    html, text = render_html(result), render_markdown(result)
    (table,) = build_view.diagnostic_tables(result)

    assert "<script" not in html
    assert "<b>7|" not in html
    assert "<u>" not in html
    assert "\x1b" not in html + text + printed(result)
    assert "x" * 500 not in html + text + printed(result)
    assert "[link](" not in text
    assert (len(table.rows), table.more) == (20, 20)


def test_few_examples_stand_for_many_places() -> None:
    result = result_with([Record(build_outcome=build("aot", diagnostics=DIAGNOSTICS))])
    (table,) = build_view.diagnostic_tables(result)

    assert [len(row.examples) for row in table.rows] == [3, 1, 1, 1]
    assert table.rows[0].examples[0] == ("IL3050 Model.cs:68", "Using member 'X' can break")


def test_a_package_works_or_is_broken_by_the_checks_that_cover_it() -> None:
    fake = small(blocks=3)
    info = fake.info()
    for name, package in (("maps", "AutoMapper"), ("validates", "FluentValidation<b>")):
        info.experiment.service.checks.add(name=name, covers=[package])
    records = [*fake.records(), *builds()]
    trials = {
        r.trial_outcome.trial: r.trial_outcome.variant for r in records if r.trial_outcome.trial
    }
    for trial, variant in trials.items():
        for name in ("maps", "validates"):
            outcome = CheckOutcome(
                trial=trial, check=name, passed=(variant, name) != ("aot", "maps")
            )
            records.append(Record(check_outcome=outcome))
    result = analyse_run(info, records)
    names, rows = build_view.package_table(result)
    cells = [[(cell.working.value, cell.detail) for cell in row.cells] for row in rows]

    assert names == ["jit", "aot"]
    assert cells == [
        [("works", ""), ("broken", "maps; 1 place in the build")],
        [("works", ""), ("works", "")],
    ]
    for text in (render_html(result), render_markdown(result), printed(result)):
        assert "1 place in the build" in text
    assert "FluentValidation<b>" not in render_html(result)


def test_a_package_whose_checks_nobody_heard_is_not_checked() -> None:
    fake = small(blocks=3)
    info = fake.info()
    info.experiment.service.checks.add(name="maps", covers=["AutoMapper"])
    result = analyse_run(info, fake.records())

    assert [check.working for check in result.package_checks] == [Working.UNCHECKED] * 2
    assert [check.places for check in result.package_checks] == [None, None]
