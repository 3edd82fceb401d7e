"""What an assessment answers, question by question, and what is left to do."""

from collections.abc import Iterator
from dataclasses import dataclass

from headstart.collector.analysis.across.assessment import Assessment, Subject
from headstart.collector.findings import (
    Category,
    Decision,
    Recommendation,
    RunResult,
    VariantOutcome,
    Working,
)
from headstart.collector.report.sentences.text import line
from headstart.collector.report.views.assessed_builds_view import (
    checked_packages,
    unchecked_packages,
)
from headstart.collector.report.views.assessment_view import (
    ASKED_BASES,
    BaseRow,
    ahead_of_time,
    base_rows,
)
from headstart.collector.report.views.decision import NOT_MEASURED
from headstart.words import metrics
from headstart.words.metric import Metric
from headstart.words.metrics import METRICS
from headstart.words.outcomes import RAN


@dataclass(frozen=True)
class Question:
    """One line of the checklist."""

    asked: str
    # A sentence for each run that says something; empty: no run does.
    answers: tuple[str, ...]
    # What of it no run measured, as clauses.
    missing: tuple[str, ...] = ()

    @property
    def answered(self) -> str:
        """Yes, partly or not measured."""
        if not self.answers:
            return NOT_MEASURED
        return "partly" if self.missing else "yes"


def checklist(assessment: Assessment) -> list[Question]:
    """In the order in which the question of ahead-of-time compilation is asked."""
    before_after = [
        _before_after(assessment, "Build time before and after", metrics.BUILD),
        _before_after(assessment, "Startup before and after", metrics.STARTUP),
        _before_after(assessment, "Memory before and after", metrics.RSS_IDLE, metrics.RSS_LOAD),
        _before_after(assessment, "Peak throughput before and after", metrics.THROUGHPUT_STEADY),
        _before_after(assessment, "Image size before and after", metrics.IMAGE_UNPACKED),
    ]
    return [
        _published(assessment),
        _warnings(assessment),
        _packages(assessment),
        *before_after,
        _bases(assessment),
        _tests(assessment),
        _recommended(assessment),
    ]


def verdict_of(subject: Subject) -> str:
    """What to do with a subject, in one sentence, by the decisions on its judged run."""
    run = subject.judged
    compiled = ahead_of_time(run)
    by_decision: dict[Decision, list[str]] = {}
    for each in run.recommendations:
        if each.variant in compiled:
            by_decision.setdefault(each.decision, []).append(each.variant)
    if proceed := by_decision.get(Decision.PROCEED):
        return f"Compile it ahead of time: {_and(proceed)} can replace {run.baseline}."
    if defer := by_decision.get(Decision.DEFER):
        return f"Not yet: {run.baseline} stays until what is open of {_and(defer)} is settled."
    if reject := by_decision.get(Decision.REJECT):
        return f"Do not compile it ahead of time as it is: {_and(reject)} cannot be shipped."
    return f"Nothing is recommended: {run.baseline} stays."


def to_do(assessment: Assessment) -> list[str]:
    """What whoever wants it compiled ahead of time has to do, a task each, with its evidence."""
    return [
        *_broken(assessment),
        *_to_cover(assessment),
        *(
            f"{line(point)} ({subject.title}, {each.variant}, run {subject.judged.run_id})"
            for subject, each in _advised(assessment)
            for point in each.missing
        ),
        *(
            f"Measure what no run did: {question.asked.lower()}"
            + (f" ({_and(list(question.missing))})" if question.missing else "")
            for question in checklist(assessment)
            if question.answered != "yes"
        ),
    ]


def _broken(assessment: Assessment) -> Iterator[str]:
    for found in checked_packages(assessment):
        if found.working is Working.BROKEN:
            places = f"; its build warns in {found.places} places" if found.places else ""
            yield (
                f"Replace {found.package}, or use what it has for ahead-of-time compilation: "
                f"{found.evidence} fails on {found.variant} (run {found.run_id}{places})"
            )
    for subject in assessment.subjects:
        run = subject.judged
        for variant in run.variants:
            if variant.variant in ahead_of_time(run) and variant.outcome not in RAN:
                why = f": {line(variant.failure_message)}" if variant.failure_message else ""
                yield f"Make {variant.variant} work: it {variant.outcome}{why} (run {run.run_id})"


def _to_cover(assessment: Assessment) -> Iterator[str]:
    for name, places, run_id in unchecked_packages(assessment):
        yield (
            f"Write a check that runs through {name}, and let it say so (`covers`): the build "
            f"warns in {places} {'place' if places == 1 else 'places'}, and no check went there "
            f"(run {run_id})"
        )


def _published(assessment: Assessment) -> Question:
    answers = []
    for run in assessment.runs:
        for name in ahead_of_time(run):
            builds = [b for b in run.builds if b.variant == name and b.clean]
            made = [b for b in builds if not b.failure_message]
            how = (
                f"{len(made)} of {len(builds)} builds made an image" if builds else "image as given"
            )
            outcome = _outcome(run, name)
            answers.append(f"{run.experiment}: {name}: {how}; {outcome} (run {run.run_id})")
    return Question(
        "An ahead-of-time publish was attempted, and its result is known", tuple(answers)
    )


def _warnings(assessment: Assessment) -> Question:
    answers = []
    for run in assessment.runs:
        for found in run.diagnostics:
            counts = [
                f"{found.places(category):,} {category.value}"
                for category in Category
                if found.places(category)
            ]
            answers.append(
                f"{run.experiment}: {found.variant}: {', '.join(counts) or 'no warnings'} "
                f"(run {run.run_id})"
            )
    return Question("Warnings of trimming and compiling are found and sorted", tuple(answers))


def _packages(assessment: Assessment) -> Question:
    answers = [
        f"{found.package}: {found.working.value} in {found.variant} (run {found.run_id})"
        for found in checked_packages(assessment)
    ]
    missing = [name for name, _, _ in unchecked_packages(assessment)]
    missing += [
        found.package
        for found in checked_packages(assessment)
        if found.working is Working.UNCHECKED
    ]
    return Question("Libraries are checked for compatibility", tuple(answers), tuple(missing))


def _before_after(assessment: Assessment, asked: str, *wanted: Metric) -> Question:
    answers, missing = [], []
    for subject in assessment.subjects:
        found = list(_compared(subject, wanted))
        answers += found
        if not found:
            missing.append(subject.title)
    return Question(asked, tuple(answers), tuple(missing))


def _compared(subject: Subject, wanted: tuple[Metric, ...]) -> Iterator[str]:
    for metric in wanted:
        for run in subject.runs:
            found = [
                f"{name} {comparison.verdict.value}"
                for name in ahead_of_time(run)
                if (comparison := run.comparison(metric.name, name))
                and comparison.ratio is not None
            ]
            if found:
                title = METRICS[metric.name].title.lower()
                yield f"{run.experiment}: {title}: {', '.join(found)} (run {run.run_id})"


def _bases(assessment: Assessment) -> Question:
    rows = base_rows(assessment)
    families = dict.fromkeys(row.family for row in rows if row.family)
    answers = [f"{family}: {_variants_on(rows, family)}" for family in families]
    missing = tuple(each for each in ASKED_BASES if each not in families)
    return Question("Base images are compared", tuple(answers), missing)


def _variants_on(rows: list[BaseRow], family: str) -> str:
    return ", ".join(f"{r.variant} (run {r.run_id})" for r in rows if r.family == family)


def _tests(assessment: Assessment) -> Question:
    answers = tuple(
        f"{run.experiment}: {name}: {_outcome(run, name)} (run {run.run_id})"
        for run in assessment.runs
        for name in ahead_of_time(run)
    )
    return Question("The tests pass against what was compiled ahead of time", answers)


def _recommended(assessment: Assessment) -> Question:
    answers = tuple(
        f"{subject.title}: {each.variant}: {each.decision.value} (run {subject.judged.run_id})"
        for subject, each in _advised(assessment)
    )
    return Question("There is a recommendation with its rationale", answers)


def _advised(assessment: Assessment) -> Iterator[tuple[Subject, Recommendation]]:
    for subject in assessment.subjects:
        compiled = ahead_of_time(subject.judged)
        for each in subject.judged.recommendations:
            if each.variant in compiled:
                yield subject, each


def _outcome(run: RunResult, name: str) -> str:
    variant: VariantOutcome = next(v for v in run.variants if v.variant == name)
    if variant.outcome not in RAN:
        return line(variant.outcome)
    total = variant.checks_passed + variant.checks_failed
    if not total:
        return "it runs; no checks"
    if variant.checks_failed:
        return f"{variant.checks_failed} of {total} answers wrong"
    return f"all {total} answers right"


def _and(names: list[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
