"""An image that fails to start for want of what no container gets here is not at fault.

Every container runs without capabilities but those that its variant states. Root without them may
not change an owner or become another user, nor write where others own: an entrypoint that drops
root, as those of nginx and postgres do, ends with a refusal that it would not meet elsewhere.
"""

import re

from headstart.v1.records_pb2 import Failure, FailureCode, ResolvedVariant
from headstart.words.runtimes import RUNTIMES

_ROOT = re.compile(r"(?:|root|0+)(?::.*)?\Z")
# As libc words EPERM and EACCES, and runtimes their numbers.
_DENIED = re.compile(
    r"operation not permitted|permission denied|\bEPERM\b|\bEACCES\b|is not permitted",
    re.IGNORECASE,
)
# What an app wrote long before it ended did not end it.
_LAST_LINES = 20
_SHOWN_CHARACTERS = 200


def deferred(failure: Failure, variant: ResolvedVariant, runtime: str) -> Failure:
    """The failure, or in its place that the host denied what an image needs.

    Only of an image that runs as root and ended by itself, since root alone has less here than
    elsewhere; with the line that says so, and what to change.
    """
    if failure.code != FailureCode.FAILURE_CODE_DOES_NOT_START or not failure.exit_status:
        return failure
    # A command runs as the agent's user, with what that may.
    if not RUNTIMES[runtime].confined or not _ROOT.match(variant.user):
        return failure
    lines = failure.output_tail.splitlines()[-_LAST_LINES:]
    line = next((line.strip() for line in reversed(lines) if _DENIED.search(line)), None)
    if line is None:
        return failure
    # As it stands and whole, or not: a part of a secret value would not be known as one.
    quote = f': "{line}"' if len(line) <= _SHOWN_CHARACTERS else ""
    return Failure(
        code=FailureCode.FAILURE_CODE_REFUSED_BY_POLICY,
        message=f"{failure.message}{quote}. Its image runs as root, which"
        " here has no capability that its variant does not state; give the image a user that owns"
        " what it writes (USER in its Dockerfile), or the variant a `user`, the `capabilities`"
        " that the policy of this host allows, or an `entrypoint` that starts the program itself",
        exit_status=failure.exit_status,
        output_tail=failure.output_tail,
    )
