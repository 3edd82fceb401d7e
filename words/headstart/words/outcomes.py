"""What became of a variant as a whole, in words that reports, rules and exit codes go by."""

from enum import StrEnum


class Outcome(StrEnum):
    """Of a variant; or what its trials failed of."""

    MEASURED = "measured"
    CHECKS_FAIL = "checks fail"
    DOES_NOT_BUILD = "does not build"
    DOES_NOT_START = "does not start"
    NEVER_READY = "never becomes ready"
    DIES = "dies"
    OUT_OF_MEMORY = "runs out of memory"
    FILLS_DISK = "fills the disk"
    IMAGE_MISSING = "image missing"
    NOT_PULLED = "image not pulled"
    NO_CONTEXT = "build context missing"
    PORT_IN_USE = "port in use"
    LOAD_DRIVER_MISSING = "load driver missing"
    LOAD_DRIVER_FAILED = "load driver failed"
    REFUSED = "refused by the host's policy"
    ENGINE_FAILED = "container engine failed"
    COMPANION_FAILED = "companion failed"
    CANCELLED = "cancelled"
    AGENT_FAILED = "agent failed"
    CANNOT_BE_RUN = "cannot be run"
    NOT_RUN = "not run"


# It ran: it has figures, or wrong answers.
RAN = (Outcome.MEASURED, Outcome.CHECKS_FAIL)
# The app's own doing; every other failure is the host's, its engine's or the experiment's,
# and says nothing of the variant.
OWN_FAULTS = (
    Outcome.DOES_NOT_BUILD,
    Outcome.DOES_NOT_START,
    Outcome.NEVER_READY,
    Outcome.DIES,
    Outcome.OUT_OF_MEMORY,
    Outcome.FILLS_DISK,
)
