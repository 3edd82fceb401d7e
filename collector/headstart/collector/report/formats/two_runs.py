"""Two runs against each other, in a terminal and as JSON."""

import json
from dataclasses import asdict

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from headstart.collector.analysis.across.two_runs import AcrossRuns, Change
from headstart.collector.findings import RunResult
from headstart.collector.findings.quantities import quantity, ratio
from headstart.collector.report.formats.console import report_console
from headstart.collector.report.formats.terminal_report import VERDICT_STYLES
from headstart.collector.report.sentences.text import line
from headstart.collector.report.sentences.wording import ratio_cell
from headstart.collector.report.views.view import NOTHING, moment
from headstart.words.foreign import clean
from headstart.words.json_schema_number import SCHEMA
from headstart.words.metrics import METRICS

_PLAIN_WIDTH = 120
CAVEAT = (
    "Intervals are at 95 % (up to 98.6 % where one trial in ten is far off the others); the runs "
    "were not interleaved, so drift between them counts."
)


def across_json(found: AcrossRuns) -> str:
    """The runs by id, what to beware of, and every change."""
    document = {
        "schema": SCHEMA,
        "experiment": found.after.experiment,
        "before": _identity(found.before),
        "after": _identity(found.after),
        "same_host": found.same_host,
        "flags": list(found.flags),
        "changes": [asdict(change) for change in found.changes],
    }
    text = json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False)
    return clean.json_text(text)


def _identity(run: RunResult) -> dict[str, str]:
    return {
        "run_id": run.run_id,
        "revision": run.revision,
        "host": run.host.name,
        "fingerprint": run.host.fingerprint,
    }


def print_across(found: AcrossRuns, console: Console) -> None:
    """What to beware of first, then one table a variant."""
    console = report_console(console, _PLAIN_WIDTH)
    console.print(Text(f"{found.after.experiment}: B against A", style="bold"), highlight=False)
    for name, run in (("A", found.before), ("B", found.after)):
        console.print(Text(f"{name}: {run_line(run)}"), highlight=False)
    for flag in found.flags:
        console.print(Text(f"- {line(flag)}", style="yellow"), highlight=False, soft_wrap=True)
    for variant in dict.fromkeys(change.variant for change in found.changes):
        changes = [change for change in found.changes if change.variant == variant]
        console.print()
        console.print(_table(variant, changes))
    console.print(
        Text(CAVEAT),
        highlight=False,
        style="dim",
    )


def run_line(run: RunResult) -> str:
    """Which run it is."""
    parts = [run.run_id, line(run.revision), line(run.host.name), moment(run.ended_unix_seconds)]
    return ", ".join(filter(None, parts))


def _table(variant: str, changes: list[Change]) -> Table:
    of = "" if changes[0].of == "figure" else f" ({changes[0].of})"
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    table.add_column(Text(f"{variant}{of}"))
    table.add_column("A", justify="right")
    table.add_column("B", justify="right")
    table.add_column("B / A (95 %)")
    table.add_column("verdict")
    for change in changes:
        verdict = Text(change.verdict.value, style=VERDICT_STYLES[change.verdict])
        if change.reason:
            verdict.append(f": {line(change.reason)}", style="default")
        table.add_row(
            Text(METRICS[change.metric].title),
            value_cell(change, change.before),
            value_cell(change, change.after),
            ratio_cell(change.ratio, change.interval, NOTHING),
            verdict,
        )
    return table


def value_cell(change: Change, value: float | None) -> str:
    """A figure, or a ratio to the baseline."""
    if value is None:
        return NOTHING
    return quantity(value, METRICS[change.metric].unit) if change.of == "figure" else ratio(value)
