"""Gates, what figures say to them, and the recommendation that follows."""

from dataclasses import dataclass

from headstart.collector.findings.figures import Interval
from headstart.words.metrics import METRICS
from headstart.words.verdicts import Decision, GateStatus, LimitKind, Reason


@dataclass(frozen=True)
class GateLimit:
    """One limit that every variant but the baseline is held against."""

    metric: str
    # Max and min in the metric's unit.
    kind: LimitKind
    bound: float
    # Missing it rejects. False: nobody stated it, so missing it is a trade-off to decide.
    hard: bool = True

    @property
    def at_most(self) -> bool:
        """Whether the value must not be above the limit; else not below."""
        if self.kind == LimitKind.MARGIN:
            return METRICS[self.metric].lower_is_better
        return self.kind == LimitKind.MAX

    @property
    def limit(self) -> float:
        """The limit in the terms of `GateOutcome.value`: for a margin a ratio to the baseline."""
        if self.kind == LimitKind.MARGIN:
            return 1 + self.bound if self.at_most else 1 - self.bound
        return self.bound


@dataclass(frozen=True)
class GateOutcome:
    """One limit and one variant."""

    variant: str
    limit: GateLimit
    status: GateStatus
    # The figure, or for a margin the ratio to the baseline's; None: not measured.
    value: float | None
    interval: Interval | None
    # Trials behind a figure, blocks behind a ratio.
    count: int
    # What was asked and what was found, with interval and run, as one sentence.
    text: str
    # Why it is undecided or was not measured.
    reason: str = ""
    # Blocks that it may take to decide, if figures stay as they are; None: cannot be said.
    more_blocks: int | None = None


@dataclass(frozen=True)
class Recommendation:
    """What is recommended of one variant, and why."""

    variant: str
    decision: Decision
    # The reason in one sentence.
    summary: str
    # What the decision rests on, a sentence each.
    rationale: tuple[str, ...] = ()
    # What is still open, and what would settle it; empty for `proceed`.
    missing: tuple[str, ...] = ()
    # The last output of a variant that did not work.
    output_tail: str = ""
    # Why, in a few words of a closed list.
    reason: Reason = Reason.NOT_RECORDED
