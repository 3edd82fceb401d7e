"""A/A runs: one variant under two names, so that what differs is the host's doing.

Such a run is an ordinary one but for its name, which no experiment file can give, so
that its results stand beside the experiment's own and never in their place.
"""

from headstart.v1.experiment_pb2 import Experiment
from headstart.words.experiment_names import AA_SUFFIX

_SECOND = "-again"
_LONGEST_NAME = 63


class NoSuchVariant(ValueError):
    """The experiment does not have the variant that is to be compared with itself."""

    def __init__(self, variant: str, known: list[str]) -> None:
        super().__init__(f"there is no variant {variant}; there are {', '.join(known)}")


def as_aa(experiment: Experiment, variant: str = "") -> Experiment:
    """The experiment with one variant, by default the baseline, against itself.

    Plan, load and checks stay: the host is tried with what it will be asked to judge.
    Gates go, for there is nothing to recommend. Raises NoSuchVariant.
    """
    wanted = variant or experiment.baseline
    one = next((v for v in experiment.variants if v.name == wanted), None)
    if one is None:
        raise NoSuchVariant(wanted, [v.name for v in experiment.variants])
    found = Experiment()
    found.CopyFrom(experiment)
    found.name = experiment.name + AA_SUFFIX
    found.aa = True
    found.baseline = wanted
    found.ClearField("gates")
    del found.variants[:]
    found.variants.add().CopyFrom(one)
    again = found.variants.add()
    again.CopyFrom(one)
    again.name = wanted[: _LONGEST_NAME - len(_SECOND)] + _SECOND
    return found
