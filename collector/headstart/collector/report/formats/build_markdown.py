"""Builds and diagnostics in the Markdown report."""

from collections.abc import Iterator

from headstart.collector.findings import RunResult
from headstart.collector.report.sentences.text import markdown as md
from headstart.collector.report.views import build_view


def build_sections(result: RunResult) -> Iterator[str]:
    """Nothing where nothing was built."""
    yield from _builds(result)
    yield from _packages(result)
    yield from _diagnostics(result)


def _builds(result: RunResult) -> Iterator[str]:
    rows = build_view.build_rows(result)
    if not rows:
        return
    yield from ("", "## Build", "", md(build_view.BUILD_NOTE), "")
    yield "| Variant | Clean build | With cache | CPU time | Memory | Builder |"
    yield "|---|---|---|---|---|---|"
    for row in rows:
        clean = f"{row.clean} ({row.clean_detail})" if row.clean_detail else row.clean
        memory = f"{row.memory}, {row.memory_detail}" if row.memory_detail else row.memory
        cells = (row.variant, clean, row.cached, row.cpu, memory, row.builder)
        yield f"| {' | '.join(map(md, cells))} |"
    for words in build_view.context_lines(result):
        yield from ("", f"Context of {md(words)}")
    names, parts = build_view.split_rows(result)
    if parts:
        yield ""
        yield f"| Where the time goes | {' | '.join(map(md, names))} |"
        yield "|---" * (1 + len(names)) + "|"
        for part in parts:
            yield f"| {md(part.part)} | {' | '.join(map(md, part.cells))} |"


def _packages(result: RunResult) -> Iterator[str]:
    names, rows = build_view.package_table(result)
    if not rows:
        return
    yield from ("", "## Packages", "", build_view.PACKAGES_NOTE, "")
    yield f"| Package | {' | '.join(map(md, names))} |"
    yield "|---" * (1 + len(names)) + "|"
    for row in rows:
        cells = [
            f"**{cell.working.value}**{f': {md(cell.detail)}' if cell.detail else ''}"
            for cell in row.cells
        ]
        yield f"| {md(row.package)} | {' | '.join(cells)} |"


def _diagnostics(result: RunResult) -> Iterator[str]:
    tables = build_view.diagnostic_tables(result)
    if not tables:
        return
    yield from ("", "## Diagnostics", "", md(build_view.DIAGNOSTICS_NOTE))
    for table in tables:
        yield from ("", f"### {md(table.variant)}: {md(table.summary)}", "")
        yield "| Category | Package | Places | Findings | Codes | For example |"
        yield "|---|---|---|---|---|---|"
        for row in table.rows:
            category = f"**{row.category.value}**"
            if row.reason:
                category = f"{category}: {md(row.reason)}"
            example = ": ".join(row.examples[0]) if row.examples else ""
            cells = (row.package, str(row.places), str(row.findings), row.codes, example)
            yield f"| {category} | {' | '.join(map(md, cells))} |"
        if table.more:
            yield from ("", f"And {table.more} more, of fewer places.")
