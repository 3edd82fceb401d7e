"""`headstart history`."""

import difflib
from collections.abc import Iterable, Sequence

import click

from headstart.cli.client import experiments
from headstart.cli.dates import minute
from headstart.cli.errors import InputError
from headstart.cli.found_runs import Runs, runs_options
from headstart.cli.given import Name
from headstart.cli.json_output import in_words, say_object
from headstart.cli.terminal import say
from headstart.collector.findings.quantities import quantity
from headstart.v1.experiments_pb2 import (
    Confirmation,
    FigureSeries,
    HistoryRequest,
    Shift,
    ShiftState,
)
from headstart.words.enums import word
from headstart.words.metrics import MAIN, METRICS

# Without --metric: what decides whether to ship.
_SHOWN = {each.name for each in MAIN}


@click.command("history")
@click.argument("experiment", type=Name())
@click.option("--variant", type=Name(), default="", help="Only this variant.")
@click.option("--metric", type=Name(), default="", help="Only this metric. Default: the main ones.")
@click.option("--fingerprint", type=Name(), default="", help="Only this kind of host.")
@click.option("--limit", default=20, show_default=True, help="Newest points of each series.")
@click.option("--json", "as_json", is_flag=True, help="Print every series and shift as JSON.")
@runs_options
def command(
    experiment: str,
    variant: str,
    metric: str,
    fingerprint: str,
    limit: int,
    as_json: bool,
    collector: Runs,
) -> None:
    """Show the figures of EXPERIMENT from revision to revision, and the shifts found in them.

    A shift is a lasting change of a figure's level. Open ones for the worse raise an alert
    until a later revision takes them back or `headstart accept` ends them.
    """
    request = HistoryRequest(
        experiment=experiment,
        variant=variant,
        metric=metric,
        fingerprint=fingerprint,
        limit=limit,
    )
    with experiments(collector) as stub:
        found = stub.History(request)
    if as_json:
        say_object(in_words(found))
        return
    if not found.series:
        _require_metric(metric)
        raise InputError(
            f"the collector has no figures of '{experiment}' (see `headstart status`); a run "
            "adds to the history when it is done"
        )
    shown = [s for s in found.series if metric or s.metric in _SHOWN]
    for series in shown:
        say(*_series_lines(series, found.shifts), "")
    say("shifts:" if found.shifts else _no_shift(shown))
    for shift in found.shifts:
        say(_shift_text(shift))


def _no_shift(shown: Sequence[FigureSeries]) -> str:
    points = [point for series in shown for point in series.points]
    judged = sum(not point.flagged for point in points)
    if judged == len(points):
        return "no shift was found"
    why = "rest on disturbed trials and are not judged"
    if judged == 0:
        return f"no shift can be found: all {len(points)} points {why}"
    return f"no shift was found; {len(points) - judged} of {len(points)} points {why}"


def _series_lines(series: FigureSeries, shifts: Iterable[Shift]) -> list[str]:
    begins = {
        shift.since_run_id: shift
        for shift in shifts
        if (shift.variant, shift.metric, shift.fingerprint)
        == (series.variant, series.metric, series.fingerprint)
    }
    lines = [f"{series.variant} {series.metric} on {series.cpu_model} ({series.fingerprint})"]
    for point in series.points:
        marks = []
        if point.flagged:
            marks.append("disturbed trials, not judged")
        if shift := begins.get(point.run_id):
            marks.append(f"shift {shift.shift_id} begins")
        lines.append(
            f"  {minute(point.ended_time_seconds)}  {point.revision[:12] or '-':12}"
            f"  {_value(point.value, series.metric):>12}  {point.trials:3} trials  {point.run_id}"
            f"{'  ' + ', '.join(marks) if marks else ''}"
        )
    return lines


def _shift_text(shift: Shift) -> str:
    state = word(ShiftState, shift.state)
    confirmed = {
        Confirmation.CONFIRMATION_RERUN: ", confirmed by a rerun",
        Confirmation.CONFIRMATION_EXACT: ", exact",
    }.get(shift.confirmation, "")
    note = f"; {shift.note}" if shift.note else ""
    if not note and shift.rerun_run_id:
        note = f"; being run again as {shift.rerun_run_id}"
    return (
        f"  {shift.shift_id}: {shift.variant} {shift.metric} is {shift.ratio:.3f} times what it"
        f" was ({'worse' if shift.worse else 'better'}): {_value(shift.before, shift.metric)} to"
        f" {_value(shift.after, shift.metric)} since revision {shift.since_revision or '-'}"
        f" (run {shift.since_run_id}), {state}{confirmed}, first seen"
        f" {minute(shift.first_seen_time_seconds)}{note}"
    )


def _value(value: float, metric: str) -> str:
    known = METRICS.get(metric)
    return quantity(value, known.unit) if known else f"{value:g}"


def _require_metric(name: str) -> None:
    """InputError for a metric that there is not, with the nearest that there is."""
    if name and name not in METRICS:
        near = difflib.get_close_matches(name, METRICS, n=3, cutoff=0.4)
        near += [known for known in METRICS if known.startswith(name) and known not in near]
        raise InputError(
            f"--metric: there is no metric '{name}'"
            + (f"; did you mean {' or '.join(near[:3])}?" if near else "; see docs/METHODOLOGY.md")
        )
