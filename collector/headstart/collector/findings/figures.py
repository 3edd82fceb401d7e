"""Figures of a run and the verdicts on them."""

from dataclasses import dataclass

from headstart.words.verdicts import Basis, Verdict

# A ratio that is further than this from that of two medians is not shown as theirs.
_APART = 0.01


@dataclass(frozen=True)
class Interval:
    """A confidence interval, 95 % unless said otherwise."""

    low: float
    high: float


@dataclass(frozen=True)
class Figure:
    """One metric of one variant of one run: the valid trials and their middle."""

    metric: str
    variant: str
    # One value per valid trial, with its block; same length.
    values: tuple[float, ...]
    blocks: tuple[int, ...]
    # Trials that had the value but were left out as invalid.
    excluded: int
    center: float | None
    # Of a memory floor: its bracket.
    interval: Interval | None
    # Of 20 trials or more.
    p95: float | None = None
    # The values that were left out, for plots that show them as such.
    excluded_values: tuple[float, ...] = ()
    basis: Basis = Basis.VALID
    # How often such an interval holds the median; where there is none, what was asked for.
    confidence: float = 0.95
    # Of `bounded`: between which values each trial lay undisturbed, in the order of `values`;
    # both are the value where nothing disturbed it. The interval is that of the worst case.
    bounds: tuple[Interval, ...] = ()

    @property
    def disturbed(self) -> int:
        """How many of the values were disturbed and stand between bounds."""
        return sum(each.low < each.high for each in self.bounds)

    @property
    def undisturbed(self) -> dict[int, float]:
        """Values by block, without those that were disturbed."""
        ends = self.bounds or tuple(Interval(value, value) for value in self.values)
        found = zip(self.blocks, self.values, ends, strict=True)
        return {block: value for block, value, end in found if end.low == end.high}


@dataclass(frozen=True)
class Comparison:
    """One metric of one variant against the baseline."""

    metric: str
    variant: str
    baseline: str
    verdict: Verdict
    # variant / baseline; None when unavailable.
    ratio: float | None
    interval: Interval | None
    margin: float
    # Blocks in which both sides had a valid value.
    blocks: int
    reason: str = ""
    # Of the interval at this look. A plan that stops when decided looks up to four
    # times and takes each interval wider, so that all of them hold together with 95 %.
    confidence: float = 0.95
    basis: Basis = Basis.VALID
    # Blocks in which only one side had a valid value: no part of the ratio.
    lone_blocks: int = 0
    # Blocks in which a side was disturbed. Of `bounded` the interval is that of the worst case,
    # and this is the one that the values as measured have.
    disturbed_blocks: int = 0
    interval_as_measured: Interval | None = None
    # False: what disturbed trials can have been reaches across the margin by itself, so that
    # more blocks like these decide nothing.
    more_blocks_settle: bool = True

    def is_apart(self, variant: float, baseline: float) -> bool:
        """Whether the ratio is not that of these two medians, which are above 0."""
        return self.ratio is not None and abs(self.ratio * baseline / variant - 1) > _APART
