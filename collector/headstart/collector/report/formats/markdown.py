"""The report as Markdown, in the form of a decision record that a team commits.

Context, decision, rationale and consequences come first; the evidence follows.
"""

from collections.abc import Iterable, Iterator

from headstart.collector.findings import RunResult
from headstart.collector.report.formats.build_markdown import build_sections
from headstart.collector.report.plots import image_parts
from headstart.collector.report.sentences import wording
from headstart.collector.report.sentences.interval_words import interval_note
from headstart.collector.report.sentences.job_catching_up import job_sentences
from headstart.collector.report.sentences.text import fenced, markdown as md
from headstart.collector.report.views import decision, memory_view, view
from headstart.collector.report.views.cases_view import (
    COLUMNS as CASE_COLUMNS,
    NOTE as CASES_NOTE,
    case_lists,
    case_rows,
)
from headstart.collector.report.views.companions_view import (
    COLUMNS as COMPANION_COLUMNS,
    NOTE as COMPANIONS_NOTE,
    companion_rows,
    companion_sentences,
)
from headstart.collector.report.views.counters_view import NOTE as COUNTERS_NOTE, counter_table
from headstart.collector.report.views.start_view import NOTE as START_NOTE, start_table
from headstart.collector.report.views.text_forest import forest_lines


def render_markdown(result: RunResult) -> str:
    """Tables and sentences only: the plots are in the HTML report."""
    return "\n".join(_lines(result)) + "\n"


def _lines(result: RunResult) -> Iterator[str]:
    yield f"# {md(view.title(result))}"
    yield ""
    for advice in decision.advice(result):
        yield f"- **{md(advice.variant)}: {advice.decision.value}.** {md(advice.summary)}"
    yield from _overview(result)
    yield ""
    yield "## Context"
    yield ""
    for name, value in view.facts(result):
        yield f"- **{md(name)}:** {md(value)}"
    yield from _decision(result)
    yield from _listed("## Limits of this run", result.remarks)
    yield from _findings(result)
    yield from _troubles(result)
    yield from _cases(result)
    for variant in view.variant_names(result)[1:]:
        yield from _table(result, variant)
    if result.comparisons:
        yield ""
        yield md(
            f"Medians of the trials; ratio: variant / {result.baseline}. {interval_note(result)}"
        )
    yield from _start(result)
    yield from _memory(result)
    yield from _counters(result)
    yield from _companions(result)
    yield from build_sections(result)
    yield from _images(result)
    yield from _listed("## What else differs", result.confounders)
    yield from _invalid(result)
    yield from _host(result)
    yield from _again(result)


def _overview(result: RunResult) -> Iterator[str]:
    """Before and after with the verdicts, and the ratios as lines."""
    yield ""
    yield f"| | {' | '.join(map(md, view.variant_names(result)))} |"
    yield "|---" * (1 + len(view.variant_names(result))) + "|"
    for row in decision.before_after(result):
        verdicts = row.verdicts or (None,) * len(row.cells)
        cells = [
            f"{md(cell)} ({verdict.value})" if verdict else md(cell)
            for cell, verdict in zip(row.cells, verdicts, strict=True)
        ]
        yield f"| {md(row.title)} | {' | '.join(cells)} |"
    if lines := forest_lines(result):
        yield ""
        yield fenced("\n".join(lines), "text")


def _decision(result: RunResult) -> Iterator[str]:
    yield ""
    yield md(f"Gates: {result.gates_from}.") if result.gates_from else "Gates: none."
    found = decision.advice(result)
    if not found:
        return
    yield ""
    yield "## Decision"
    yield ""
    for advice in found:
        word = advice.decision.value.capitalize()
        yield f"- **{word}** {md(advice.variant)}."
    yield ""
    yield "## Rationale"
    for advice in found:
        yield from _listed(f"### {md(advice.variant)}", advice.rationale)
        yield from _listed("What is open, and what would settle it:", advice.missing)
        if advice.output_tail:
            yield from ("", "Its last output:", "", fenced(advice.output_tail, "text"))
    yield from _listed("## Consequences", [text for each in found for text in each.consequences])


def _findings(result: RunResult) -> Iterator[str]:
    yield ""
    yield "## Findings"
    for variant in view.variant_names(result)[1:]:
        sentences = wording.headlines(result, variant)
        if sentences:
            yield ""
            yield f"### {md(variant)} against {md(result.baseline)}"
            yield ""
            for sentence in sentences:
                yield f"- **{sentence.verdict.value}:** {md(sentence.text)}"
    yield from _listed("### Under load over time", wording.courses(result))
    yield from _listed("### Jobs by their length", job_sentences(result))


def _troubles(result: RunResult) -> Iterator[str]:
    found = view.troubles(result)
    if not found:
        return
    yield ""
    yield "## What failed"
    for trouble in found:
        yield ""
        yield f"### {md(trouble.variant)}: {md(trouble.outcome)}"
        why = "; ".join(filter(None, (trouble.message, trouble.trials)))
        if why:
            yield ""
            yield f"{md(why)}."
        yield from _listed("Checks that failed:", trouble.checks)
        if trouble.output_tail:
            yield ""
            yield "The last lines of its output:"
            yield ""
            yield fenced(trouble.output_tail, "text")


def _cases(result: RunResult) -> Iterator[str]:
    rows = case_rows(result)
    if not rows:
        return
    yield ""
    yield "## Tests"
    yield ""
    yield md(CASES_NOTE)
    yield ""
    yield f"| Check | Variant | {' | '.join(column.capitalize() for column in CASE_COLUMNS)} |"
    yield f"|---|---|{'---|' * len(CASE_COLUMNS)}"
    for row in rows:
        yield f"| {' | '.join(map(md, (row.check, row.variant, *row.counts)))} |"
    for found in case_lists(result):
        yield from _listed(f"### {md(found.title)}", found.sentences)


def _table(result: RunResult, variant: str) -> Iterator[str]:
    cells = [
        (row.metric.title, row.cells[0], next(c for c in row.cells if c.variant == variant))
        for row in view.rows(result)
    ]
    shown = [(title, base, cell) for title, base, cell in cells if not cell.blank]
    if not shown:
        return
    yield ""
    yield f"## Figures: {md(variant)} against {md(result.baseline)}"
    yield ""
    yield f"| Metric | {md(result.baseline)} | {md(variant)} | Ratio (95 %) | Verdict |"
    yield "|---|---|---|---|---|"
    for title, base, cell in shown:
        verdict = cell.verdict.value if cell.verdict else ""
        if cell.reason:
            verdict = f"{verdict}: {md(cell.reason)}"
        values = " | ".join(
            f"{md(side.value)}{' (flagged)' if side.flagged else ''}" for side in (base, cell)
        )
        yield f"| {md(title)} | {values} | {md(cell.ratio)} | {verdict} |"


def _images(result: RunResult) -> Iterator[str]:
    rows = image_parts.image_rows(result)
    if not rows:
        return
    yield ""
    yield "## Images by part"
    yield ""
    columns = "To pull | Unpacked | Above base | Base | Own files | Symbols | Layers | Program"
    yield f"| Variant | {columns} |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for row in rows:
        program = f"{row.kind} {image_parts.MISLABELLED}" if row.wrong else row.kind
        cells = (row.variant, row.pull, row.unpacked, row.above_base, row.base, row.own)
        shown = (*cells, row.symbols, row.layers, program)
        yield f"| {' | '.join(map(md, shown))} |"
    yield ""
    yield md(image_parts.image_note(result))


def _start(result: RunResult) -> Iterator[str]:
    found = start_table(result)
    if not found:
        return
    yield ""
    yield "## One start"
    yield ""
    yield md(START_NOTE)
    yield ""
    yield f"| | {' | '.join(map(md, found.columns))} |"
    yield f"|---|{'---|' * len(found.columns)}"
    for title, cells in found.rows:
        yield f"| {md(title)} | {' | '.join(map(md, cells))} |"


def _counters(result: RunResult) -> Iterator[str]:
    found = counter_table(result)
    if not found:
        return
    yield ""
    yield "## Runtime counters"
    yield ""
    yield md(COUNTERS_NOTE)
    if found.rows:
        yield ""
        yield f"| Variant | End of | {' | '.join(map(md, found.columns))} | Runtime |"
        yield "|---|---|" + "---|" * (len(found.columns) + 1)
        for row in found.rows:
            cells = (row.variant, row.phase, *row.values, row.source)
            yield f"| {' | '.join(map(md, cells))} |"
    yield from _listed("", found.absent)


def _companions(result: RunResult) -> Iterator[str]:
    if not result.companions:
        return
    yield ""
    yield "## Beside the app"
    yield ""
    yield md(COMPANIONS_NOTE)
    yield ""
    yield from (f"- {md(sentence)}" for sentence in companion_sentences(result))
    if rows := companion_rows(result):
        yield ""
        yield f"| Service | Variant | | {' | '.join(COMPANION_COLUMNS)} |"
        yield "|---|---|---|" + "---|" * len(COMPANION_COLUMNS)
        for row in rows:
            cells = (row.companion, row.variant, row.kind, *row.values)
            yield f"| {' | '.join(map(md, cells))} |"


def _memory(result: RunResult) -> Iterator[str]:
    rows = memory_view.split_rows(result)
    if rows:
        yield ""
        yield "## Memory by phase"
        yield ""
        yield f"| Variant | Phase | {' | '.join(memory_view.SPLIT_COLUMNS)} |"
        yield f"|---|---|{'---|' * len(memory_view.SPLIT_COLUMNS)}"
        for row in rows:
            yield f"| {md(row.variant)} | {row.phase} | {' | '.join(row.values)} |"
    for sentence in memory_view.sharing(result):
        yield ""
        yield md(sentence)
    floors = memory_view.floors(result)
    yield from _listed("## Memory floor", [floor.text for floor in floors])


def _invalid(result: RunResult) -> Iterator[str]:
    found = view.invalid(result)
    if not found:
        return
    yield ""
    yield "## Invalid trials"
    yield ""
    yield "| Variant | Flagged | Trials | For example |"
    yield "|---|---|---|---|"
    for variant, what, count, example in found:
        yield f"| {md(variant)} | {md(what)} | {count} | {md(example)} |"


def _host(result: RunResult) -> Iterator[str]:
    yield ""
    yield "## Host"
    yield ""
    for level, text in view.advice(result):
        yield f"- **{md(level)}:** {md(text)}"
    for fact in result.host.facts:
        yield f"- {md(fact.name)}: {md(fact.value)}"


def _again(result: RunResult) -> Iterator[str]:
    yield ""
    yield "## How to run it again"
    yield ""
    for name, value in view.reproduction(result):
        yield f"- {md(name)}: {md(value)}"
    if result.source_text:
        yield ""
        yield fenced(result.source_text.rstrip("\n"), "yaml")


def _listed(heading: str, sentences: Iterable[str]) -> Iterator[str]:
    """A heading with a list under it; nothing where the list is empty."""
    found = list(sentences)
    if found:
        yield ""
        yield heading
        yield ""
        for sentence in found:
            yield f"- {md(sentence)}"


RENDER = render_markdown
