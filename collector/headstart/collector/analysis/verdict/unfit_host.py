"""What a failed A/A run of the host takes from gates: they rest on what the host measured.

Any difference that an A/A run finds puts every measured gate in doubt, not only those of the
metric that differed: a metric that did not differ was not thereby shown to be safe, and the
A/A run may have been of another experiment. Sizes of images are counted, not
measured, and stand.
"""

from dataclasses import replace

from headstart.collector.findings import GateOutcome, GateStatus, HostCheck
from headstart.words import metrics
from headstart.words.metrics import METRICS

# Exact, but searched for under load.
_SEARCHED = metrics.MEMORY_FLOOR.name


def in_doubt(gate: GateOutcome, check: HostCheck | None) -> bool:
    """Whether the gate rests on measurements of a host that failed its latest A/A run."""
    metric = gate.limit.metric
    counted = METRICS[metric].exact and metric != _SEARCHED
    measured = gate.status is not GateStatus.NOT_MEASURED
    return check is not None and not check.passed and measured and not counted


def doubted(gate: GateOutcome, check: HostCheck | None) -> GateOutcome:
    """The outcome as it counts: undecided where it is in doubt, with the reason."""
    if check is None or not in_doubt(gate, check):
        return gate
    reason = f"the host's A/A run {check.run_id} found differences of a variant with itself"
    return replace(
        gate,
        status=GateStatus.UNDECIDED,
        text=f"{gate.text}; {reason}",
        reason=reason,
        # More blocks of the same host's differences settle nothing.
        more_blocks=None,
    )


def way_out(check: HostCheck) -> str:
    """What would settle gates that are in doubt."""
    titles = [METRICS[m].title if m in METRICS else m for m in check.differing]
    found = f" in {', '.join(titles)}" if titles else ""
    return (
        f"This host makes differences of its own: its A/A run {check.run_id} found a variant to "
        f"differ from itself{found}. Run `headstart aa` again, or use another host."
    )
