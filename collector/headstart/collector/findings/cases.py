"""What became of tests that ran in a container, variant by variant."""

from dataclasses import dataclass
from enum import StrEnum


class CaseWord(StrEnum):
    """What became of one test."""

    PASSED = "passed"
    FAILED = "failed"
    # It broke off by itself.
    ERRORED = "errored"
    SKIPPED = "skipped"
    # It is not among the tests, which are all known.
    ABSENT = "absent"
    # Records hold so many only, and it may be one of the others.
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Case:
    """A test that does not pass on a variant, or does not run as on the baseline."""

    test: str
    # The worst of its trials.
    outcome: CaseWord
    # In how many of them it was that.
    trials: int
    # The worst of the baseline's.
    baseline: CaseWord
    # First line of why, of the latest such trial; empty: it does not say.
    message: str = ""
    # The median of the trials in which it ran; 0: it did not.
    seconds: float = 0.0


@dataclass(frozen=True)
class VariantCases:
    """The tests of one check on one variant."""

    check: str
    variant: str
    # Whose results were read.
    trials: int
    # Of the trial in which most did not pass.
    passed: int
    failed: int
    errored: int
    skipped: int
    # The most telling first: what the baseline passes before what it fails too.
    cases: tuple[Case, ...] = ()
    # How many such tests are not listed.
    more: int = 0
