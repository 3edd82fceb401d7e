"""Tests that ran in containers, set against the baseline's: what differs, and what fails anyway.

A test is known by its name. What it did in the trials of a variant is one word, the worst: a test
that fails now and then fails.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

from headstart.collector.analysis.trials.trial_records import Trial
from headstart.collector.findings import Case, CaseWord, VariantCases
from headstart.v1.experiment_pb2 import Experiment
from headstart.v1.records_pb2 import CaseResult, CaseStatus, CheckOutcome

# Of a variant and check, in a result.
_MOST_CASES = 100
_WORDS = {
    CaseStatus.CASE_STATUS_PASSED: CaseWord.PASSED,
    CaseStatus.CASE_STATUS_FAILED: CaseWord.FAILED,
    CaseStatus.CASE_STATUS_ERRORED: CaseWord.ERRORED,
    CaseStatus.CASE_STATUS_SKIPPED: CaseWord.SKIPPED,
}
_FAILING = (CaseWord.FAILED, CaseWord.ERRORED)
_WORST_FIRST = (*_FAILING, CaseWord.SKIPPED, CaseWord.PASSED)
_RAN = (CaseWord.PASSED, *_FAILING)


@dataclass
class _Seen:
    """What the trials of one variant say of the tests of one check."""

    outcomes: list[CheckOutcome] = field(default_factory=list)
    # Test -> its results, in the order of the trials.
    tests: dict[str, list[CaseResult]] = field(default_factory=lambda: defaultdict(list))

    def add(self, outcome: CheckOutcome) -> None:
        self.outcomes.append(outcome)
        for test in outcome.tests:
            if test.status in _WORDS:
                self.tests[test.test].append(test)

    def word(self, test: str) -> CaseWord:
        found = {_WORDS[each.status] for each in self.tests.get(test, ())}
        if found:
            return next(word for word in _WORST_FIRST if word in found)
        if not self.outcomes or any(each.test_counts.left_out for each in self.outcomes):
            return CaseWord.UNKNOWN
        return CaseWord.ABSENT


def variant_cases(experiment: Experiment, trials: Iterable[Trial]) -> tuple[VariantCases, ...]:
    """By check and variant, in the order of the experiment file; of those that left results."""
    seen: dict[tuple[str, str], _Seen] = defaultdict(_Seen)
    for trial in trials:
        for outcome in trial.checks:
            if outcome.HasField("test_counts"):
                seen[outcome.check, trial.variant].add(outcome)
    return tuple(
        _of_variant(check.name, variant.name, seen, experiment.baseline)
        for check in experiment.service.checks
        for variant in experiment.variants
        if (check.name, variant.name) in seen
    )


def _of_variant(
    check: str, variant: str, seen: dict[tuple[str, str], _Seen], baseline: str
) -> VariantCases:
    own = seen[check, variant]
    cases = sorted(
        _cases(own, seen.get((check, baseline), _Seen()), variant == baseline), key=_rank
    )
    worst = max(own.outcomes, key=_not_passed).test_counts
    return VariantCases(
        check=check,
        variant=variant,
        trials=len(own.outcomes),
        passed=worst.passed,
        failed=worst.failed,
        errored=worst.errored,
        skipped=worst.skipped,
        cases=tuple(cases[:_MOST_CASES]),
        more=max(0, len(cases) - _MOST_CASES),
    )


def _not_passed(outcome: CheckOutcome) -> tuple[int, int]:
    counts = outcome.test_counts
    return counts.failed + counts.errored, counts.skipped


def _cases(own: _Seen, base: _Seen, is_baseline: bool) -> Iterator[Case]:
    names = own.tests if is_baseline else own.tests | base.tests
    for test in names:
        word, there = own.word(test), base.word(test)
        fails = word in _FAILING
        lacks = word in (CaseWord.SKIPPED, CaseWord.ABSENT) and there in _RAN
        if fails or (lacks and not is_baseline):
            yield _case(test, word, there, own)


def _case(test: str, word: CaseWord, baseline: CaseWord, own: _Seen) -> Case:
    results = own.tests.get(test, [])
    such = [each for each in results if _WORDS[each.status] is word]
    ran: Sequence[float] = [each.seconds for each in results if _WORDS[each.status] in _RAN]
    return Case(
        test=test,
        outcome=word,
        trials=len(such) if such else len(own.outcomes),
        baseline=baseline,
        message=such[-1].message if such else "",
        seconds=median(ran) if ran else 0.0,
    )


def _rank(case: Case) -> tuple[int, int, str]:
    """What only this variant fails, then what it fails, then what it does not run."""
    if case.outcome in _FAILING:
        kinds = {CaseWord.PASSED: 0, CaseWord.FAILED: 2, CaseWord.ERRORED: 2}
        kind = kinds.get(case.baseline, 1)
    else:
        kind = 3 if case.outcome is CaseWord.ABSENT else 4
    return kind, -case.trials, case.test
