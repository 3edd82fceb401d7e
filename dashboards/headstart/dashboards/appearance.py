"""How Grafana shows what Headstart measures: units as in reports, words with their colour."""

from collections.abc import Iterable

from headstart.dashboards.sdk import models
from headstart.words.metric import Unit
from headstart.words.metrics import METRICS
from headstart.words.verdicts import Decision, GateStatus, Verdict

# Decimal megabytes, as in reports.
UNITS = {
    Unit.SECONDS: "s",
    Unit.BYTES: "decbytes",
    Unit.PER_SECOND: "reqps",
    Unit.JOBS_PER_SECOND: "ops",
}

# Blue and orange, which the colour-blind can tell apart; red and green they cannot.
BLUE = "semi-dark-blue"
ORANGE = "semi-dark-orange"
GREY = "#6e7681"
VIOLET = "#a98bd1"

VERDICT_COLOURS = {
    Verdict.BETTER: BLUE,
    Verdict.WORSE: ORANGE,
    Verdict.EQUIVALENT: GREY,
    Verdict.INCONCLUSIVE: VIOLET,
    Verdict.UNAVAILABLE: "transparent",
}
DECISION_COLOURS = {Decision.PROCEED: BLUE, Decision.DEFER: VIOLET, Decision.REJECT: ORANGE}
GATE_COLOURS = {
    GateStatus.PASSED: BLUE,
    GateStatus.FAILED: ORANGE,
    GateStatus.UNDECIDED: VIOLET,
    GateStatus.NOT_MEASURED: GREY,
}

# A verdict that rests on disturbed trials, for want of others, is shown with this behind it.
FLAGGED_MARK = " ?"


def words(colours: Iterable[tuple[str, str]]) -> models.ValueMap:
    """A mapping that gives each word its colour."""
    return models.ValueMap(
        options={word: models.ValueMappingResult(color=colour) for word, colour in colours}
    )


VERDICT_MAPPING = words(
    (verdict + mark, colour)
    for verdict, colour in VERDICT_COLOURS.items()
    for mark in ("", FLAGGED_MARK)
)
GATE_MAPPING = words(GATE_COLOURS.items())
# A metric's title in place of its name.
TITLES = models.ValueMap(
    options={name: models.ValueMappingResult(text=metric.title) for name, metric in METRICS.items()}
)
