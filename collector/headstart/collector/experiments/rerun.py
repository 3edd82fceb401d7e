"""The run that confirms a regression: the image from before it against the newest, in turns.

Runs of different revisions are hours or days apart, and what the host did meanwhile is
part of their difference. Interleaved on one host, that cancels.
"""

from collections.abc import Iterable

from headstart.v1.experiment_pb2 import Experiment
from headstart.words.experiment_names import RERUN_SUFFIX
from headstart.words.metrics import METRICS, threshold_of

BEFORE, AFTER = "before", "after"
# Enough for a verdict on a few per cent.
_BLOCKS = 12


class NoRerun(ValueError):
    """Old and new cannot be run against each other; the message says why."""


def rerun_of(
    experiment: Experiment, variant: str, before: str, after: str, metrics: Iterable[str] = ()
) -> Experiment:
    """The experiment with two images of one variant, by their ids; `before` is the baseline.

    Plan, load and checks stay. Answers are not compared: revisions may answer differently.
    `metrics` are those that shifted: they differ when they do by as much as a shift must.
    Raises NoRerun.
    """
    one = next((v for v in experiment.variants if v.name == variant), None)
    if before and before == after:
        raise NoRerun(
            "no rerun: the same program was measured before and after, so that the host has "
            "changed, or what the app depends on"
        )
    if one is None or one.HasField("command") or not before or not after:
        raise NoRerun("no rerun: only images of earlier revisions are kept")
    if experiment.values_masked:
        raise NoRerun(
            "no rerun: the file states secret values, which were masked when the run ended; "
            "have them come from the host (from: NAME)"
        )
    found = Experiment()
    found.CopyFrom(experiment)
    found.name = experiment.name + RERUN_SUFFIX
    found.baseline = BEFORE
    found.service.compare_with_baseline = False
    found.plan.blocks = max(_BLOCKS, found.plan.blocks)
    found.ClearField("gates")
    found.plan.ClearField("memory_floor")
    found.plan.ClearField("runtime_counters")
    for name in metrics:
        found.margins[name] = threshold_of(found.margins.get(name) or METRICS[name].margin)
    del found.variants[:]
    for name, digest in ((BEFORE, before), (AFTER, after)):
        image = found.variants.add()
        image.CopyFrom(one)
        image.name = name
        image.image = digest
        image.description = f"{variant} as it was {name} the shift"
    return found
