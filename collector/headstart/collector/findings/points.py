"""What an ended run adds to the history of its experiment: one point for each figure."""

from dataclasses import dataclass

from headstart.collector.findings.comparability import setup_of
from headstart.collector.findings.model import RunResult
from headstart.collector.findings.run_info import AA_SUFFIX, RERUN_SUFFIX
from headstart.words.metrics import LOAD_METRICS, METRICS
from headstart.words.outcomes import Outcome
from headstart.words.states import RunWord
from headstart.words.verdicts import Basis


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
            value=figure.center,
            trials=len(figure.values),
            flagged=figure.basis is Basis.FLAGGED or result.host.changed,
        )
        for figure in result.figures
        if figure.variant in digests
        and figure.metric in METRICS
        and figure.center is not None
        and figure.center > 0
    ]
