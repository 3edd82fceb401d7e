"""What the reports show of memory beyond its figures."""

from dataclasses import replace

from headstart.collector.findings import PhaseSplit, RunResult
from headstart.collector.report.formats.html import render_html
from headstart.collector.report.formats.markdown import render_markdown
from headstart.collector.report.views.memory_view import SPLIT_COLUMNS, floors, sharing, split_rows
from support.fake_runs import small

RESULT = small(blocks=3).result()


def test_each_variant_and_phase_is_a_row_with_every_column() -> None:
    rows = split_rows(RESULT)

    assert [(row.variant, row.phase) for row in rows] == [
        ("jit", "startup"),
        ("jit", "idle"),
        ("aot", "startup"),
        ("aot", "idle"),
    ]
    assert {len(row.values) for row in rows} == {len(SPLIT_COLUMNS)}
    assert rows[0].values[1] == "–"


def test_a_floor_says_what_serves_and_what_does_not() -> None:
    jit, aot = floors(RESULT)

    assert jit.text == (
        "jit serves within 46.0 MiB and does not within 45.0 MiB (4 probes of 3 s of load,"
        " 21 s in all)."
    )
    assert jit.steps[0][:2] == ("none", "serves")
    assert jit.steps[-1][1] == "does not serve"
    assert aot.text.startswith("aot serves within 14.0 MiB")


def test_a_floor_at_the_smallest_limit_and_none_at_all_are_said() -> None:
    lowest = replace(RESULT.memory.floors[0], fails_bytes=None)
    none = replace(RESULT.memory.floors[1], serves_bytes=None, reason="limits do not hold")

    memory = replace(RESULT.memory, floors=(lowest, none))
    texts = [view.text for view in floors(replace(RESULT, memory=memory))]

    assert "the smallest limit that was tried" in texts[0]
    assert texts[1] == "aot has no memory floor: limits do not hold."


def test_several_processes_are_pointed_out_with_their_pss() -> None:
    """RSS alone would charge the variant for pages that it shares with itself."""

    def forked(split: PhaseSplit) -> PhaseSplit:
        idle = split.phase == "idle"
        return replace(split, processes=4.0, rss_bytes=112e6, pss_bytes=64e6 if idle else None)

    aot = [forked(s) if s.variant == "aot" else s for s in RESULT.memory.phases]
    (sentence,) = sharing(replace(RESULT, memory=replace(RESULT.memory, phases=tuple(aot))))

    assert sentence.startswith("aot is 4 processes")
    assert "64.0 MB of 112 MB (idle)" in sentence
    assert sharing(RESULT) == []


def test_html_has_the_table_and_the_probes_with_what_programs_wrote_escaped() -> None:
    page = render_html(RESULT)

    assert "Memory by phase" in page
    assert "<details>" in page
    assert "&lt;b&gt;killed&lt;/b&gt;" in page
    assert "<b>killed</b>" not in page


def test_markdown_has_both_too() -> None:
    text = render_markdown(RESULT)

    assert "| jit | idle |" in text
    assert "- aot serves within 14.0 MiB" in text


def test_a_run_without_either_shows_neither() -> None:
    bare: RunResult = replace(RESULT, memory=replace(RESULT.memory, phases=(), floors=()))

    assert "Memory by phase" not in render_html(bare)
    assert "Memory floor</h2>" not in render_html(bare)
    assert "## Memory" not in render_markdown(bare)
