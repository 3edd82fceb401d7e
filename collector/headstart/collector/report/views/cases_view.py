"""Tests in containers, as a table of counts and a list of what differs for each variant."""

from dataclasses import dataclass

from headstart.collector.findings import Case, CaseWord, RunResult, VariantCases
from headstart.collector.report.sentences.text import line

COLUMNS = ("tests", "passed", "failed", "errored", "skipped")
NOTE = (
    "Of each variant the trial in which most tests did not pass. The lists begin with what only"
    " this variant fails."
)
_SHOWN = 20
_VERBS = {
    CaseWord.PASSED: "passes",
    CaseWord.FAILED: "fails",
    CaseWord.ERRORED: "breaks off",
    CaseWord.SKIPPED: "is skipped",
    CaseWord.ABSENT: "is not there",
    CaseWord.UNKNOWN: "is not recorded",
}


@dataclass(frozen=True)
class CaseRow:
    """The counts of one check on one variant, as in `COLUMNS`."""

    check: str
    variant: str
    counts: tuple[str, ...]


@dataclass(frozen=True)
class CaseList:
    """What does not pass on a variant, or is not run there."""

    check: str
    variant: str
    sentences: tuple[str, ...]

    @property
    def title(self) -> str:
        """A heading."""
        return f"{self.check} on {self.variant}"


def case_rows(result: RunResult) -> list[CaseRow]:
    """Empty where no container left results."""
    return [_row(each) for each in result.cases]


def case_lists(result: RunResult) -> list[CaseList]:
    """Of those that have something to tell, in the order of the table."""
    return [
        CaseList(line(each.check), each.variant, tuple(_sentences(result, each)))
        for each in result.cases
        if each.cases
    ]


def _row(cases: VariantCases) -> CaseRow:
    counts = (cases.passed, cases.failed, cases.errored, cases.skipped)
    return CaseRow(line(cases.check), cases.variant, tuple(map(str, (sum(counts), *counts))))


def _sentences(result: RunResult, cases: VariantCases) -> list[str]:
    shown = [case_sentence(case, cases, result.baseline) for case in cases.cases[:_SHOWN]]
    left = len(cases.cases) - len(shown) + cases.more
    return [*shown, f"and {left} more"] if left else shown


def case_sentence(case: Case, cases: VariantCases, baseline: str) -> str:
    """`Api.body fails in 3 of 3 trials, passes on jit: expected 1, got 2`."""
    often = f"{case.trials} of {cases.trials} trial{'' if cases.trials == 1 else 's'}"
    said = f"{line(case.test)} {_VERBS[case.outcome]} in {often}"
    if cases.variant != baseline:
        same = case.outcome is case.baseline
        there = f"as on {baseline}" if same else f"{_VERBS[case.baseline]} on {baseline}"
        said += f", {there}"
    return f"{said}: {line(case.message)}" if case.message else said
