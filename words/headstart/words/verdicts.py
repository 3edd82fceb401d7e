"""What is said of a variant in one word: verdicts, what they rest on, gates, decisions."""

from enum import StrEnum


class Verdict(StrEnum):
    """A variant's metric against the baseline's, with a margin."""

    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"
    INCONCLUSIVE = "inconclusive"
    # Nothing to compare: a side has no valid value; the reason says why.
    UNAVAILABLE = "unavailable"


class Basis(StrEnum):
    """What the trials behind a figure or a comparison are worth."""

    VALID = "valid"
    # Disturbed ones are among them, with how far they may be off: the interval holds all that
    # they can have been, so that what it decides is decided.
    BOUNDED = "bounded"
    # Fewer than three were valid, so that flagged ones were taken in as well.
    FLAGGED = "flagged"


class LimitKind(StrEnum):
    """How a gate limits a metric."""

    MAX = "max"
    MIN = "min"
    # At most so much worse than the baseline.
    MARGIN = "margin"


class GateStatus(StrEnum):
    """A gate's limit against the whole interval of what was measured."""

    PASSED = "pass"
    FAILED = "fail"
    # The interval lies across the limit, or disturbed trials are all there is.
    UNDECIDED = "undecided"
    NOT_MEASURED = "not measured"


class Decision(StrEnum):
    """What is recommended of a variant."""

    PROCEED = "proceed"
    DEFER = "defer"
    REJECT = "reject"
