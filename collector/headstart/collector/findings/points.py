"""What an ended run adds to the history of its experiment: one point for each figure."""

from dataclasses import dataclass
from statistics import median

from headstart.collector.findings.comparability import setup_of
from headstart.collector.findings.figures import Figure
from headstart.collector.findings.model import RunResult
from headstart.words.experiment_names import AA_SUFFIX, RERUN_SUFFIX
from headstart.words.metrics import LOAD_METRICS, METRICS
from headstart.words.outcomes import Outcome
from headstart.words.states import RunWord
from headstart.words.verdicts import Basis

# Of so many undisturbed trials the middle is a level.
_LEAST_UNDISTURBED = 3


@dataclass(frozen=True)
class Point:
    """A row of the table `points`; `value` is the figure's middle, in the metric's unit."""

    run_id: str
    variant: str
    metric: str
    experiment: str
    fingerprint: str
    setup: str
    host: str
    cpu_model: str
    revision: str
    digest: str
    ended_seconds: float
    value: float
    trials: int
    flagged: bool


def points_of(result: RunResult) -> list[Point]:
    """None of runs that did not go to their end, and of variants that did not work.

    A/A runs and reruns say nothing of a revision. Zero is left out: it has no ratio.
    """
    if result.state != RunWord.DONE or result.experiment.endswith((AA_SUFFIX, RERUN_SUFFIX)):
        return []
    digests = {v.variant: v.digest for v in result.variants if v.outcome == Outcome.MEASURED}
    return [
        Point(
            run_id=result.run_id,
            variant=figure.variant,
            metric=figure.metric,
            experiment=result.experiment,
            fingerprint=result.host.fingerprint,
            setup=setup_of(result, figure.metric in LOAD_METRICS),
            host=result.host.name,
            cpu_model=result.host.cpu_model,
            revision=result.revision,
            digest=digests[figure.variant],
            ended_seconds=result.ended_unix_seconds,
            value=value,
            trials=count,
            flagged=flagged or result.host.changed,
        )
        for figure in result.figures
        for value, count, flagged in [_level(figure)]
        if figure.variant in digests
        and figure.metric in METRICS
        and value is not None
        and value > 0
    ]


def _level(figure: Figure) -> tuple[float | None, int, bool]:
    """Its value, of how many trials, and whether these were disturbed.

    Where three were not, they alone are the level: bounds have no middle.
    """
    if figure.basis is Basis.BOUNDED and len(figure.undisturbed) >= _LEAST_UNDISTURBED:
        values = figure.undisturbed.values()
        return median(values), len(values), False
    return figure.center, len(figure.values), figure.basis is not Basis.VALID
