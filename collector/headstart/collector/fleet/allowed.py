"""What a host lacks for an experiment: what its agent does not know, what its policy refuses.

A policy is known as its agent last said it, and as a whole. Which image, folder or capability it
refuses only the agent decides: the run says it there.
"""

from typing import NamedTuple

from headstart.v1.experiment_pb2 import Experiment
from headstart.v1.host_pb2 import Policy

# Of as many as a file has.
_NAMED = 5


class Lacking(NamedTuple):
    """Nothing, as far as is known, where `words` are empty; they say what follows, too."""

    words: str = ""
    # The baseline is measured all the same, and others with it.
    in_part: bool = False


def failing(why: str) -> Lacking:
    """Why a run would measure nothing."""
    return Lacking(f"{why}; as it is, the run fails there")


def refused_by(policy: Policy, experiment: Experiment) -> Lacking:
    """Which kinds of variants may not run there."""
    allows = {
        "image": bool(policy.images),
        "command": policy.commands,
        "build": policy.builds,
    }
    kinds = {variant.name: variant.WhichOneof("source") for variant in experiment.variants}
    refused = [kind for kind, allowed in allows.items() if kind in kinds.values() and not allowed]
    if not refused:
        return Lacking()
    why = f"its policy allows no {' and no '.join(f'{kind}s' for kind in refused)}"
    left_out = [name for name, kind in kinds.items() if kind in refused]
    if not experiment.plan.keep_going or len(left_out) == len(kinds):
        return failing(why)
    if experiment.baseline in left_out:
        return Lacking(f"{why}, and the baseline is one; as it is, nothing can be compared there")
    names = ", ".join(left_out[:_NAMED]) + (" and more" if len(left_out) > _NAMED else "")
    return Lacking(f"{why}; as it is, the run there leaves out {names}", in_part=True)
