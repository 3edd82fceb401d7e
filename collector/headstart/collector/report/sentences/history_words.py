"""What earlier runs say beside a report: shifts over revisions, and the host's A/A runs."""

from headstart.collector.findings import RunResult
from headstart.collector.findings.quantities import quantity
from headstart.v1.experiments_pb2 import Confirmation, Shift
from headstart.words.metrics import METRICS

_CONFIRMED = {
    Confirmation.CONFIRMATION_RERUN: "a rerun of old against new confirms it",
    Confirmation.CONFIRMATION_EXACT: "the figure does not vary",
}


def shift_sentence(shift: Shift) -> str:
    """What got worse, by how much, since when, and how sure that is."""
    metric = METRICS.get(shift.metric)
    title, unit = (metric.title, metric.unit) if metric else (shift.metric, "")
    since = f"revision {shift.since_revision}" if shift.since_revision else "an unnamed revision"
    sure = _CONFIRMED.get(shift.confirmation, shift.note or "not confirmed by a rerun")
    return (
        f"Regression over revisions: {title.lower()} of {shift.variant} is {shift.ratio:.3f} times "
        f"what it was, {quantity(shift.before, unit)} until then and "
        f"{quantity(shift.after, unit)} since {since} (run {shift.since_run_id}); {sure}. "
        f"`headstart history {shift.experiment}` shows it."
    )


def host_check(result: RunResult, date: str) -> str:
    """A sentence's end after "A/A on this host"; `date` is when the A/A run ended."""
    check = result.host.check
    if check is None:
        if result.aa:
            return "told nothing: see below"
        return "never made: `headstart aa FILE` shows whether the host can tell differences"
    told = f"on {date}" if date else "at an unknown time"
    if check.passed:
        size = f", and {check.detectable:.0%} would have shown" if check.detectable else ""
        return (
            f"passed {told}: the same variant twice differed in none of {check.verdicts} metrics "
            f"beyond chance{size}"
        )
    titles = [METRICS[m].title if m in METRICS else m for m in check.differing]
    return (
        f"failed {told}: verdicts from here are doubtful. The same variant twice differed in "
        f"{', '.join(titles)}"
    )
