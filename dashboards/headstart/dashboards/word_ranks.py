"""Words as numbers, so that PromQL finds the gravest of several hosts and tables sort by it."""

from collections.abc import Iterable

from headstart.dashboards.appearance import DECISION_COLOURS, FLAGGED_MARK, VERDICT_COLOURS
from headstart.dashboards.sdk import models
from headstart.words.verdicts import Basis, Decision, Verdict

# The gravest first.
DECISIONS = (Decision.REJECT, Decision.DEFER, Decision.PROCEED)
_VERDICTS = (
    Verdict.WORSE,
    Verdict.INCONCLUSIVE,
    Verdict.EQUIVALENT,
    Verdict.BETTER,
    Verdict.UNAVAILABLE,
)


def decision_ranks(matchers: str = "") -> str:
    """`headstart_recommendation` with the rank of its decision as value."""
    return " or ".join(
        f'headstart_recommendation{{{_also(matchers)}recommendation="{decision}"}} * {rank}'
        for rank, decision in enumerate(DECISIONS)
    )


def verdict_ranks(matchers: str) -> str:
    """`headstart_verdict` with the rank of its word as value; halves rest on disturbed trials."""
    flagged = f'{{{{{matchers},verdict="{{verdict}}",basis{{equal}}"{Basis.FLAGGED}"}}}}'
    return " or ".join(
        f"headstart_verdict{flagged.format(verdict=verdict, equal=equal)} * {rank + added}"
        for rank, verdict in enumerate(_VERDICTS)
        for equal, added in (("!=", 0), ("=", 0.5))
    )


def _also(matchers: str) -> str:
    return f"{matchers}," if matchers else ""


def _as_value_map(meant: Iterable[tuple[float, str, str]]) -> models.ValueMap:
    """Of values, their words and colours."""
    return models.ValueMap(
        options={
            f"{value:g}": models.ValueMappingResult(text=text, color=colour, index=index)
            for index, (value, text, colour) in enumerate(meant)
        }
    )


DECISION_RANKS = _as_value_map(
    (rank, decision, DECISION_COLOURS[decision]) for rank, decision in enumerate(DECISIONS)
)
VERDICT_RANKS = _as_value_map(
    (rank + added, verdict + mark, VERDICT_COLOURS[verdict])
    for rank, verdict in enumerate(_VERDICTS)
    for added, mark in ((0, ""), (0.5, FLAGGED_MARK))
)
