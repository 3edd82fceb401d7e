"""The table of runtime counters, from the records to every format of the report."""

from io import StringIO

from rich.console import Console

from headstart.collector.analysis.analyse import analyse_run
from headstart.collector.findings import RunResult
from headstart.collector.findings.json import from_json, to_json
from headstart.collector.report.formats.html import render_html
from headstart.collector.report.formats.markdown import render_markdown
from headstart.collector.report.formats.terminal_report import print_result
from headstart.collector.report.views.counters_view import counter_table
from headstart.v1.records_pb2 import Phase, Record, RuntimeCounter, RuntimeCounters
from support.fake_runs import small

STARTUP, LOAD = Phase.PHASE_STARTUP, Phase.PHASE_LOAD
ASKED = RuntimeCounters(
    trial=99,
    variant="jit",
    source=".NET 10.0.12, EventPipe",
    counters=[
        RuntimeCounter(name="methods_jitted", phase=LOAD, value=1358),
        RuntimeCounter(name="methods_jitted", phase=STARTUP, value=1211),
        RuntimeCounter(name="jit_seconds", phase=STARTUP, value=0.119),
        RuntimeCounter(name="gc_heap_bytes", phase=LOAD, value=825_000),
    ],
)
SILENT = RuntimeCounters(trial=100, variant="aot", reason="not offered: <b>no</b> socket")


def result(*counters: RuntimeCounters) -> RunResult:
    fake = small(blocks=4)
    records = [*fake.records(), *(Record(runtime_counters=c) for c in counters)]
    return analyse_run(fake.info(), records)


def terminal(found: RunResult) -> str:
    written = StringIO()
    print_result(found, Console(file=written, width=200))
    return written.getvalue()


def test_a_row_for_each_phase_in_its_order_with_a_dash_for_what_was_not_told() -> None:
    table = counter_table(result(ASKED))

    assert table.columns == ("Methods jitted", "Time in JIT", "GC heap")
    assert [(row.variant, row.phase, row.values) for row in table.rows] == [
        ("jit", "startup", ("1,211", "119 ms", "–")),
        ("jit", "load", ("1,358", "–", "825 kB")),
    ]


def test_counters_touch_no_trial_figure_or_verdict() -> None:
    asked, unasked = result(ASKED, SILENT), result()

    assert asked.figures == unasked.figures
    assert asked.comparisons == unasked.comparisons
    assert asked.variants == unasked.variants


def test_values_that_are_no_numbers_are_left_out() -> None:
    bad = RuntimeCounters(
        variant="jit",
        counters=[
            RuntimeCounter(name=name, phase=STARTUP, value=value)
            for name, value in (("nan", float("nan")), ("inf", float("inf")), ("less", -1.0))
        ],
    )

    assert result(bad).runtime_counters[0].readings == ()


def test_they_survive_the_round_trip_through_json() -> None:
    found = result(ASKED, SILENT)

    assert from_json(to_json(found)) == found


def test_every_format_shows_them_and_says_that_they_come_from_separate_trials() -> None:
    found = result(ASKED, SILENT)
    html, markdown, plain = render_html(found), render_markdown(found), terminal(found)

    assert "separate trials" in html
    assert "<td>1,211</td>" in html
    assert "aot: not offered: &lt;b&gt;no&lt;/b&gt; socket." in html
    assert "| jit | startup | 1,211 | 119 ms | – | .NET 10.0.12, EventPipe |" in markdown
    assert "separate trials" in plain
    assert "jit, end of startup: Methods jitted 1,211, Time in JIT 119 ms\n" in plain


def test_no_format_mentions_them_where_none_were_asked_for() -> None:
    found = result()

    for text in (render_html(found), render_markdown(found), terminal(found)):
        assert "Runtime counters" not in text
