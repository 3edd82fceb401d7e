"""Several hosts in a terminal, as JSON and as Markdown."""

import json
from collections.abc import Iterator
from dataclasses import asdict

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from headstart.collector.analysis.across.pooled import HostRatio
from headstart.collector.analysis.across.several_hosts import AcrossHosts
from headstart.collector.findings import RunResult
from headstart.collector.report.formats.console import report_console
from headstart.collector.report.formats.terminal_report import DECISION_STYLES, VERDICT_STYLES
from headstart.collector.report.sentences.text import line, markdown as md
from headstart.collector.report.sentences.wording import SIGNS
from headstart.collector.report.views.decision import DECISION_SIGNS
from headstart.collector.report.views.hosts_view import (
    cell,
    findings,
    note,
    predicted,
    reason,
    title,
)
from headstart.collector.report.views.view import NOTHING, moment
from headstart.words.foreign import clean
from headstart.words.json_schema_number import SCHEMA
from headstart.words.metrics import METRICS

# A column for each of more hosts than this is more than a terminal holds.
_HOST_COLUMNS = 4
_PLAIN_WIDTH = 120
_COLUMN_WIDTH = 24


def hosts_json(found: AcrossHosts) -> str:
    """The runs by host, what to beware of, every metric and what is recommended."""
    document = {
        "schema": SCHEMA,
        "experiment": found.experiment,
        "baseline": found.baseline,
        "revision": found.revision,
        "recommendations": [asdict(each) for each in found.recommendations],
        "flags": list(found.flags),
        "hosts": [
            {
                "host": name,
                "run_id": run.run_id,
                "fingerprint": run.host.fingerprint,
                "cpu_model": run.host.cpu_model,
                "state": run.state,
                "blocks_completed": run.blocks_completed,
            }
            for name, run in found.runs
        ],
        "metrics": [asdict(each) for each in found.metrics],
    }
    text = json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False)
    return clean.json_text(text)


def print_hosts(found: AcrossHosts, console: Console) -> None:
    """The recommendation first, then what to beware of, then a table for each variant."""
    console = report_console(console, _PLAIN_WIDTH + _COLUMN_WIDTH * min(len(found.runs), 4))

    def say(text: str, style: str = "") -> None:
        console.print(Text(text, style=style), highlight=False, soft_wrap=True)

    revision = f", revision {line(found.revision)}" if found.revision else ""
    say(f"{title(found)}{revision}", "bold")
    for name, run in found.runs:
        say(f"  {host_line(name, run)}", "dim")
    for each in found.recommendations:
        sign = DECISION_SIGNS[each.decision]
        say(f"\n{sign} {each.variant}: {each.decision.value}", DECISION_STYLES[each.decision])
        say(f"  {line(each.summary)}")
        for text in each.rationale:
            say(f"  - {line(text)}")
        for text in each.missing:
            say(f"  - open: {line(text)}")
    if found.flags:
        say("\nTo beware of", "yellow")
    for flag in found.flags:
        say(f"- {line(flag)}", "yellow")
    for variant in found.variants:
        say("")
        for verdict, text in findings(found, variant):
            say(f"{SIGNS[verdict]} {text}", VERDICT_STYLES[verdict])
        if found.of(variant):
            console.print(_table(found, variant))
    say(note(found), "dim")


def host_line(name: str, run: RunResult) -> str:
    """Which run of which machine."""
    parts = [
        line(run.host.cpu_model),
        run.host.fingerprint,
        f"run {run.run_id}",
        f"{run.blocks_completed} blocks",
        moment(run.ended_unix_seconds),
    ]
    return f"{line(name)}: {', '.join(filter(None, parts))}"


def _table(found: AcrossHosts, variant: str) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    table.add_column(Text(variant))
    each_host = len(found.runs) <= _HOST_COLUMNS
    for name in [name for name, _ in found.runs] if each_host else ["lowest", "highest"]:
        table.add_column(Text(line(name)))
    if len(found.runs) > 1:
        table.add_column("mean over hosts")
        table.add_column("another host")
    table.add_column("verdict")
    for metric in found.of(variant):
        verdict = Text(metric.verdict.value, style=VERDICT_STYLES[metric.verdict])
        if said := reason(metric):
            verdict.append(f": {said}", style="default")
        hosts = [_signed(h) for h in metric.hosts] if each_host else _extremes(metric.hosts)
        means = (cell(metric), predicted(metric)) if len(found.runs) > 1 else ()
        table.add_row(Text(METRICS[metric.metric].title), *map(Text, (*hosts, *means)), verdict)
    return table


def _signed(host: HostRatio) -> str:
    return NOTHING if host.ratio is None else f"{SIGNS[host.verdict]} {cell(host)}"


def _extremes(hosts: tuple[HostRatio, ...]) -> list[str]:
    measured = sorted((h for h in hosts if h.ratio is not None), key=lambda h: h.ratio or 0.0)
    if not measured:
        return [NOTHING, NOTHING]
    return [f"{_signed(h)} {line(h.host)}" for h in (measured[0], measured[-1])]


def hosts_markdown(found: AcrossHosts) -> str:
    """A summary to append to $GITHUB_STEP_SUMMARY, or a record to commit."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: AcrossHosts) -> Iterator[str]:
    revision = f", revision {md(found.revision)}" if found.revision else ""
    yield f"## Headstart: {md(title(found))}{revision}"
    yield ""
    for each in found.recommendations:
        word = f"{DECISION_SIGNS[each.decision]} {md(each.variant)}: {each.decision.value}"
        yield f"- **{word}.** {md(each.summary)}"
        for text in each.rationale:
            yield f"  - {md(text)}"
        for text in each.missing:
            yield f"  - open: {md(text)}"
    yield ""
    for name, run in found.runs:
        yield f"- {md(host_line(name, run))}"
    if found.flags:
        yield ""
        yield "### To beware of"
        yield ""
    for flag in found.flags:
        yield f"- {md(flag)}"
    for variant in found.variants:
        yield ""
        yield f"### {md(variant)}"
        yield ""
        for verdict, text in findings(found, variant):
            yield f"- {SIGNS[verdict]} {md(text)}"
        if found.of(variant):
            yield ""
            names = [md(name) for name, _ in found.runs]
            yield f"| Metric | {' | '.join(names)} | Mean over hosts | Another host | Verdict |"
            yield f"|---|{'---|' * len(names)}---|---|---|"
        for metric in found.of(variant):
            said = f": {md(why)}" if (why := reason(metric)) else ""
            cells = [
                md(METRICS[metric.metric].title),
                *(md(_signed(host)) for host in metric.hosts),
                cell(metric),
                predicted(metric),
                f"{metric.verdict.value}{said}",
            ]
            yield f"| {' | '.join(cells)} |"
    yield ""
    yield md(note(found))
