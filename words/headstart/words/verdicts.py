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


class Reason(StrEnum):
    """Why that is recommended, in a few words of a closed list: the first that holds, from the
    top. The recommendation's own sentences say more."""

    # Reject.
    DOES_NOT_WORK = "does not work"
    ANSWERS_WRONGLY = "answers wrongly"
    FAILS_AT_TIMES = "fails at times"
    MISSES_GATE = "misses a gate"
    # Proceed.
    PASSES = "passes all gates"
    # Defer.
    BASELINE_FAILS = "the baseline fails too"
    NOT_MEASURED = "not measured"
    BASELINE_NOT_MEASURED = "the baseline is not measured"
    HOST_UNFIT = "the host is unfit"
    NO_GATE = "no gate applies"
    TRADE_OFF = "worse than allowed, no gate stated"
    TRIALS_FAILED = "trials failed"
    GATE_NOT_MEASURED = "a gate is not measured"
    GATE_UNDECIDED = "a gate is undecided"
    MISLABELLED = "not what it is called"
    BUILD_WARNINGS = "build warnings"
    NO_CHECKS = "no check of its answers"
    RUN_NOT_DONE = "the run is not done"
    NO_BENEFIT = "no benefit shown"
    # Of several hosts.
    HOSTS_DIFFER = "hosts did not measure alike"
    # Of a result from before reasons were kept.
    NOT_RECORDED = "not recorded"
