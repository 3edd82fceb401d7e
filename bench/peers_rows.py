"""What the figures of `bench.peers` say: bias, spread, and how many trials tell 5 %."""

import itertools
import math
import statistics
from dataclasses import dataclass, field

from headstart.collector.analysis.statistics.student import student_quantile

DIFFERENCE = 0.05
_CONFIDENCE = 0.975
_POWER = 0.90
COLUMNS = ("of", "how", "bias", "sd", "trials a variant to tell 5 %", "measured")


@dataclass
class Method:
    """The figures of one way to measure, each beside what the server itself says."""

    subject: str
    how: str
    unit: str
    figures: list[tuple[float, float]] = field(default_factory=list)

    @property
    def bias(self) -> float:
        """Median of figure less truth."""
        return statistics.median(figure - truth for figure, truth in self.figures)

    @property
    def spread(self) -> float:
        """Standard deviation of figure less truth: how the work varies is not the method's."""
        errors = [figure - truth for figure, truth in self.figures]
        return statistics.stdev(errors)

    @property
    def trials_needed(self) -> int:
        """See `trials_needed`, for a difference of 5 % of the truth."""
        truth = statistics.median(truth for _, truth in self.figures)
        return trials_needed(self.spread, DIFFERENCE * truth)

    def cells(self) -> tuple[str, ...]:
        """Its line of the table."""
        unit, count = self.unit, f"{len(self.figures)}"
        bias = f"{self.bias:+.3g} {unit}"
        if len(self.figures) == 1:
            return (self.subject, self.how, bias, "-", "-", count)
        spread = f"{self.spread:.2g} {unit}"
        return (self.subject, self.how, bias, spread, f"{self.trials_needed:,}", count)


def trials_needed(spread: float, difference: float) -> int:
    """Trials of each of two variants, so that 9 of 10 runs tell the difference with 95 %.

    The smallest n >= 2 with n >= 2 (t(97.5 %) + t(90 %))^2 (spread / difference)^2, both of
    Student's t with 2n - 2 degrees of freedom.
    """
    # Student's quantiles are the larger ones: the search begins below what is right.
    normal = 2 * (1.959964 + 1.281552) ** 2 * (spread / difference) ** 2
    for count in itertools.count(max(2, math.floor(normal))):
        freedom = 2 * count - 2
        t = student_quantile(_CONFIDENCE, freedom) + student_quantile(_POWER, freedom)
        if count >= 2 * t**2 * (spread / difference) ** 2:
            break
    return count
