"""One start, from the records to every format of the report."""

from dataclasses import replace
from io import StringIO

from rich.console import Console

from headstart.collector.analysis.analyse import analyse_run
from headstart.collector.findings import RunResult
from headstart.collector.findings.json import from_json, to_json
from headstart.collector.report.formats.html import render_html
from headstart.collector.report.formats.markdown import render_markdown
from headstart.collector.report.formats.terminal_report import print_result
from headstart.collector.report.views.start_view import start_table
from headstart.words import metrics
from support.fake_runs import Fake, small


def result(fake: Fake) -> RunResult:
    return analyse_run(fake.info(), fake.records())


def test_each_variant_has_a_column_and_each_stamp_that_was_seen_a_row() -> None:
    found = result(small(blocks=3))
    table = start_table(found)
    rows = dict(table.rows)

    assert [column.partition(",")[0] for column in table.columns] == ["jit", "aot"]
    assert rows["making of the instance"] == ("-260.00", "-260.00")
    assert rows["exec, by the gate"] == ("0.00", "0.00")
    assert rows["listening known to"] == ("20.0 µs", "20.0 µs")
    assert rows["connects tried"] == ("1,700", "1,700")
    assert rows["quiet host waited for"] == ("200 ms, 98 % idle", "200 ms, 98 % idle")
    assert "first response with data" not in rows
    for column, start in zip(table.columns, found.starts, strict=True):
        startup = found.figure(metrics.STARTUP.name, start.variant)
        assert startup is not None
        assert startup.center == start.stamps["first_correct_response"]
        assert column.endswith(f"trial {start.trial}")


def test_steps_of_readiness_stand_by_their_names() -> None:
    fake = small(blocks=3)
    info = fake.info()
    info.experiment.service.before_ready.add(name="GET /healthz on port 8081")
    records = list(fake.records())
    for record in records:
        if record.WhichOneof("record") == "trial_outcome":
            startup = record.trial_outcome.startup
            startup.ready_step_1_monotonic_ns = startup.exec_monotonic_ns + 7_000_000
    found = from_json(to_json(analyse_run(info, records)))
    rows = dict(start_table(found).rows)

    assert rows["ready step 1: GET /healthz on port 8081"] == ("7.00", "7.00")
    assert "ready step 1: GET /healthz on port 8081" in render_html(found)
    assert "ready step 2" not in rows


def test_a_worker_has_a_line_of_its_log_and_no_answer() -> None:
    fake = small(blocks=3)
    records = list(fake.records())
    for record in records:
        if record.WhichOneof("record") == "trial_outcome":
            startup = record.trial_outcome.startup
            startup.log_lines, startup.log_bytes = 12, 3400
    found = from_json(to_json(analyse_run(fake.info(), records)))
    rows = dict(start_table(found).rows)

    assert rows["log up to it"] == ("12 lines, 3.40 kB", "12 lines, 3.40 kB")
    assert "line of the log" in rows
    assert "first correct response" not in rows
    assert "exec to line of the log, ms" in render_html(found)


def test_it_stands_in_every_format_and_survives_the_store() -> None:
    found = from_json(to_json(result(small(blocks=3))))
    terminal = StringIO()
    print_result(found, Console(file=terminal, width=200))

    assert '<h2 id="start">One start</h2>' in render_html(found)
    assert "## One start" in render_markdown(found)
    assert "| connected |" in render_markdown(found)
    assert "One start, ms since exec" in terminal.getvalue()
    assert "CLOCK_MONOTONIC" in render_html(found)


def test_an_earlier_result_without_starts_has_no_such_section() -> None:
    found = replace(result(small(blocks=3)), starts=())

    assert not start_table(found)
    assert "One start" not in render_html(found) + render_markdown(found)
