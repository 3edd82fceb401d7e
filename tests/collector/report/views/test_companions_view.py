"""What stood beside the app, from the records to every format of the report."""

from dataclasses import replace
from io import StringIO

from rich.console import Console

from headstart.collector.analysis.analyse import analyse_run
from headstart.collector.findings import RunResult
from headstart.collector.findings.json import from_json, to_json
from headstart.collector.report.formats.html import render_html
from headstart.collector.report.formats.markdown import render_markdown
from headstart.collector.report.formats.terminal_report import print_result
from headstart.collector.report.views import view
from headstart.collector.report.views.companions_view import companion_rows, companion_sentences
from headstart.v1.records_pb2 import Failure, FailureCode
from support.beside_runs import BesideFake, beside_result
from support.fake_runs import small


def terminal(found: RunResult) -> str:
    written = StringIO()
    print_result(found, Console(file=written, width=200))
    return written.getvalue()


def test_what_a_companion_took_stands_by_variant_with_load_and_without() -> None:
    rows = [row for row in companion_rows(beside_result()) if row.companion == "db"]

    assert [(row.variant, row.kind, row.values[0]) for row in rows] == [
        ("jit", "with load", "3"),
        ("aot", "with load", "3"),
        ("jit", "without load", "3"),
        ("aot", "without load", "3"),
    ]
    without = {row.variant: row.values[1:] for row in rows if row.kind == "without load"}
    assert without == {
        "jit": ("250 ms", "–", "80.0 MB", "100 MB"),
        "aot": ("500 ms (2.00×)", "–", "160 MB", "200 MB"),
    }
    # The work for one answer shows what total work hides where one variant serves more.
    (jit, aot) = (row.values[2] for row in rows if row.kind == "with load")
    assert jit.endswith("µs")
    assert aot.endswith("×)")
    assert float(aot.split()[0]) / float(jit.split()[0]) > 1.8


def test_a_companion_says_what_it_is_and_how_long_it_took_to_be_ready() -> None:
    db, cache = companion_sentences(beside_result())

    assert db == (
        "db: postgres:17, sha256:db; made anew for each trial, then seeded; at most 512 MiB, "
        "1.00 cores, CPUs 1; ready when it listens on port 5432, after 1.50 s (12 starts)."
    )
    # One that lives for the run was made once, and its kills are counted on, not added up.
    assert cache == (
        "cache: cache:<b>1</b>, sha256:cache; one for all trials of the run; no limit of its own; "
        "ready when its program was started, after 250 ms (1 start); the kernel killed 2 of its "
        "processes for want of memory."
    )


def test_companions_touch_no_figure_or_verdict_of_a_variant() -> None:
    found = beside_result()
    fake = BesideFake()
    records = list(fake.records())
    for record in records:
        if record.HasField("trial_outcome"):
            record.trial_outcome.ClearField("beside")
    alone = analyse_run(fake.info(), records)

    assert found.figures == alone.figures
    assert found.comparisons == alone.comparisons
    assert found.recommendations == alone.recommendations


def test_trials_that_failed_or_answered_wrongly_are_not_counted() -> None:
    fake = BesideFake()
    records = list(fake.records())
    outcomes = [r.trial_outcome for r in records if r.trial_outcome.variant == "aot"]
    for outcome in outcomes[:2]:
        outcome.failure.CopyFrom(Failure(code=FailureCode.FAILURE_CODE_DIED, message="died"))
    outcomes[2].checks_failed = 1
    (db, _cache) = analyse_run(fake.info(), records).companions

    assert {(took.variant, took.under_load): took.trials for took in db.took} == {
        ("jit", True): 3,
        ("jit", False): 3,
        ("aot", True): 1,
        ("aot", False): 2,
    }


def test_one_that_could_not_be_run_says_why() -> None:
    fake = BesideFake()
    (started, *_) = fake.records()
    why = Failure(code=FailureCode.FAILURE_CODE_IMAGE_MISSING, message="no such image")
    started.run_started.others[0].failure.CopyFrom(why)
    (db, _cache) = companion_sentences(analyse_run(fake.info(), [started]))

    assert db.endswith("; it could not be run: no such image.")


def test_every_format_shows_them_and_escapes_what_is_foreign() -> None:
    found = beside_result()
    page, text = render_html(found), render_markdown(found)

    for shown in (page, text, terminal(found)):
        assert "Beside the app" in shown
        assert "made anew for each trial" in shown
        assert "160 MB" in shown
    assert "cache:&lt;b&gt;1&lt;/b&gt;" in page
    assert "<b>1</b>" not in page
    assert "## Beside the app" in text
    assert ("Beside the app: db", "postgres:17, sha256:db, postgres -c a") in (
        view.reproduction(found)
    )
    assert from_json(to_json(found)) == found


def test_a_run_without_companions_says_nothing_of_them() -> None:
    found = small(blocks=2).result()

    assert found.companions == ()
    for shown in (render_html(found), render_markdown(found), terminal(found)):
        assert "Beside the app" not in shown


def test_a_report_file_with_figures_beyond_all_bounds_is_shown() -> None:
    found = beside_result()
    (db, cache) = found.companions
    extreme = {"jit": 5e-324, "aot": 1e308}
    took = tuple(replace(each, cpu_seconds=extreme[each.variant]) for each in db.took)
    rows = companion_rows(replace(found, companions=(replace(db, took=took), cache)))

    assert not any("×" in row.values[1] for row in rows)
