"""How Grafana shows what Headstart measures: its unit for a metric, its colour for a verdict."""

from headstart.words.metric import Unit
from headstart.words.verdicts import Verdict

UNITS = {
    Unit.SECONDS: "s",
    Unit.BYTES: "bytes",
    Unit.PER_SECOND: "reqps",
    Unit.JOBS_PER_SECOND: "ops",
}

# Blue and orange, which the colour-blind can tell apart; red and green they cannot.
VERDICT_COLOURS = {
    Verdict.BETTER: "semi-dark-blue",
    Verdict.WORSE: "semi-dark-orange",
    Verdict.EQUIVALENT: "#6e7681",
    Verdict.INCONCLUSIVE: "#a98bd1",
    Verdict.UNAVAILABLE: "transparent",
}

# A verdict that rests on disturbed trials, for want of others, is shown with this behind it.
FLAGGED_MARK = " ?"
