"""Whether an image that is not here may be pulled: what the plan asks and the policy allows."""

from headstart.agent.policy.policy import Policy
from headstart.v1.experiment_pb2 import Pull
from headstart.words.foreign.image_reference import MalformedReference, parse_image


def pull_refusal(policy: Policy, reference: str, asked: Pull.ValueType) -> str | None:
    """Why an image is not pulled, as a sentence; None: it is.

    Only a pattern that names its registry says where a pull may go.
    """
    if asked == Pull.PULL_NEVER:
        return "it is not pulled, since the plan says so (pull: never)"
    if not policy.pull:
        if asked != Pull.PULL_UNSPECIFIED:
            return "it is not pulled, since the policy of this host allows no pull (pull = false)"
        return (
            "a run pulls it where the policy of the host allows it (pull = true), and"
            " `headstart run` where the plan asks for it (pull: missing)"
        )
    try:
        image = parse_image(reference)
    except MalformedReference as error:
        return f"it cannot be pulled: {error}"
    if not policy.allows_pull(image):
        name = image.full or reference
        return (
            f"it is not pulled, since no pattern of the policy of this host fits {name} and names"
            f" its registry (images: {', '.join(policy.images) or 'none'})"
        )
    return None
