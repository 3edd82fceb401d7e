"""What a host's policy refuses as a whole, as its agent last said it.

Which image, folder or capability it refuses only the agent decides: the run says it there.
"""

from headstart.v1.experiment_pb2 import Experiment
from headstart.v1.host_pb2 import Policy


def refused_by(policy: Policy, experiment: Experiment) -> str:
    """Why no variant of some kind may run there, as a clause; empty: as far as is known all may."""
    allows = {
        "images": bool(policy.images),
        "commands": policy.commands,
        "builds": policy.builds,
    }
    sources = {variant.WhichOneof("source") for variant in experiment.variants}
    refused = [kind for kind, allowed in allows.items() if kind[:-1] in sources and not allowed]
    if experiment.plan.keep_going and len(refused) < len(sources):
        # The others are measured.
        return ""
    return f"its policy allows no {' and no '.join(refused)}" if refused else ""
