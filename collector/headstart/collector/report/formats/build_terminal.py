"""Builds and diagnostics in the terminal's report."""

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from headstart.collector.findings import Category, RunResult, VariantBuild, Working
from headstart.collector.report.views import build_view

_STYLES = {Category.BLOCKING: "red", Category.REVIEW: "yellow", Category.SUPPRESSIBLE: "blue"}
_WORKING_STYLES = {Working.WORKS: "green", Working.BROKEN: "red", Working.UNCHECKED: "dim"}
_ROWS = 8


def build_tables(result: RunResult) -> Iterator[Table | Text]:
    """What is to be printed one below the other; nothing where nothing was built."""
    rows = build_view.build_rows(result)
    if rows:
        table = _table("Build")
        for name in ("clean", "with cache", "CPU time", "memory"):
            table.add_column(name, justify="right")
        table.add_column("where the time goes", overflow="fold")
        splits = {build.variant: build_view.split_line(build) for build in _shown(result)}
        for row in rows:
            clean = Text(row.clean, style="red" if row.failed else "")
            cells = (row.cached, row.cpu, row.memory, splits.get(row.variant, ""))
            table.add_row(Text(row.variant), clean, *map(Text, cells))
        yield table
        yield from (Text(f"Context of {each}") for each in build_view.context_lines(result))
    names, packages = build_view.package_table(result)
    if packages:
        table = _table("Package")
        for name in names:
            table.add_column(Text(name), overflow="fold")
        for package in packages:
            table.add_row(Text(package.package), *map(_package_cell, package.cells))
        yield table
    for found in build_view.diagnostic_tables(result):
        yield Text(f"Diagnostics of {found.variant}: {found.summary}", style="bold")
        table = _table("category")
        table.add_column("package", no_wrap=True)
        table.add_column("places", justify="right")
        table.add_column("codes", overflow="fold")
        table.add_column("why", overflow="fold")
        for each in found.rows[:_ROWS]:
            table.add_row(
                Text(each.category.value, style=_STYLES[each.category]),
                Text(each.package),
                Text(str(each.places)),
                Text(each.codes),
                Text(each.reason),
            )
        yield table
        more = found.more + max(0, len(found.rows) - _ROWS)
        if more:
            yield Text(f"and {more} more, in the other reports", style="dim")


def _package_cell(cell: build_view.PackageCell) -> Text:
    found = Text(cell.working.value, style=_WORKING_STYLES[cell.working])
    if cell.detail:
        found.append(f": {cell.detail}", style="default")
    return found


def _shown(result: RunResult) -> list[VariantBuild]:
    return [build for build in build_view.shown_builds(result) if not build.failure_message]


def _table(first: str) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    table.add_column(first)
    return table
