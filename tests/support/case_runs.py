"""Runs whose variants were tested by a container of their own."""

from collections.abc import Mapping, Sequence

from headstart.collector.analysis.analyse import analyse_run
from headstart.collector.findings import RunResult
from headstart.v1.records_pb2 import CaseCounts, CaseResult, CaseStatus, CheckOutcome, Record
from support.fake_runs import small

# Test -> what becomes of it: a letter for each trial of the variant, of which the last one goes
# on; F failed, E errored, S skipped, P passed, - not there.
Tests = Mapping[str, str]

_STATUS = {
    "P": CaseStatus.CASE_STATUS_PASSED,
    "F": CaseStatus.CASE_STATUS_FAILED,
    "E": CaseStatus.CASE_STATUS_ERRORED,
    "S": CaseStatus.CASE_STATUS_SKIPPED,
}
JIT = {"Api.lists": "P", "Api.adds": "P", "Api.slow": "F", "Api.json": "P", "Api.gone": "P"}
AOT = {"Api.lists": "P", "Api.adds": "F", "Api.slow": "F", "Api.json": "S", "Api.flaky": "PFP"}


def checked(trial: int, number: int, tests: Tests, left_out: int = 0) -> Record:
    """The outcome of the check of a trial, which is the variant's `number`-th from 0."""
    counts = CaseCounts(left_out=left_out, passed=left_out)
    results: list[CaseResult] = []
    for test, letters in tests.items():
        letter = letters[min(number, len(letters) - 1)]
        if letter == "-":
            continue
        status = _STATUS[letter]
        message = "" if letter == "P" else f"{test} says {letter}"
        results.append(CaseResult(test=test, status=status, seconds=0.5, message=message))
        field = {"P": "passed", "F": "failed", "E": "errored", "S": "skipped"}[letter]
        setattr(counts, field, getattr(counts, field) + 1)
    failing = [each.test for each in results if each.status in (_STATUS["F"], _STATUS["E"])]
    verb = "fails" if len(failing) == 1 else "fail"
    return Record(
        check_outcome=CheckOutcome(
            trial=trial,
            check="integration",
            passed=not failing,
            expected="exit status 0 and no test that fails",
            actual=f"exit status 0, {len(failing)} of {len(results)} tests {verb}"
            if failing
            else "exit status 0",
            tests=results,
            test_counts=counts,
        )
    )


def case_result(
    variants: Mapping[str, Tests] | None = None, left_out: Sequence[str] = (), blocks: int = 3
) -> RunResult:
    """`left_out`: variants of whose tests not all are recorded."""
    by_variant = variants if variants is not None else {"jit": JIT, "aot": AOT}
    fake = small(blocks=blocks)
    info = fake.info()
    info.experiment.service.checks.add(name="integration")
    records = list(fake.records())
    for variant, tests in by_variant.items():
        trials = [
            record.trial_outcome.trial
            for record in records
            if record.WhichOneof("record") == "trial_outcome"
            and record.trial_outcome.variant == variant
        ]
        more = 7 if variant in left_out else 0
        records += [checked(trial, number, tests, more) for number, trial in enumerate(trials)]
    return analyse_run(info, records)
