"""What a build's warnings are worth: the catalogue's word, the experiment's, and evidence.

A warning says that code may not work. A check that runs through the code shows whether it
does: where every check that covers a package passes, its warnings are suppressible; where
one fails that the baseline passes, they block. A rule of the experiment comes before
that, and an error is an error whatever a check says.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from headstart.collector.analysis.builds import decisive
from headstart.collector.analysis.trials.trial_records import RunRecords, Trial
from headstart.collector.findings import (
    RULE,
    Category,
    DiagnosticExample,
    DiagnosticGroup,
    PackageCheck,
    Risk,
    VariantDiagnostics,
    Working,
)
from headstart.v1.experiment_pb2 import Check, DiagnosticCategory, Experiment
from headstart.v1.records_pb2 import Diagnostic, DiagnosticRisk, FailureCode

_CATEGORIES = {
    DiagnosticCategory.DIAGNOSTIC_CATEGORY_BLOCKING: Category.BLOCKING,
    DiagnosticCategory.DIAGNOSTIC_CATEGORY_REVIEW: Category.REVIEW,
    DiagnosticCategory.DIAGNOSTIC_CATEGORY_SUPPRESSIBLE: Category.SUPPRESSIBLE,
}
_GRAVEST_FIRST = list(Category)
_DEADLY = (FailureCode.FAILURE_CODE_DIED, FailureCode.FAILURE_CODE_OUT_OF_MEMORY)
_EXAMPLES = 3
_RISKS = {
    DiagnosticRisk.DIAGNOSTIC_RISK_FAILS_WHEN_REACHED: Risk.FAILS,
    DiagnosticRisk.DIAGNOSTIC_RISK_MAY_FAIL: Risk.MAY_FAIL,
    DiagnosticRisk.DIAGNOSTIC_RISK_MOSTLY_HARMLESS: Risk.HARMLESS,
}
_WORST_FIRST = list(Risk)
# One warning for all of an assembly: the SDK's `TrimmerSingleWarn`.
_AGGREGATES = ("IL2104", "IL3053")


def variant_diagnostics(experiment: Experiment, run: RunRecords) -> tuple[VariantDiagnostics, ...]:
    """Of each variant that was built, in the order of the file; of a build that failed, where it
    told of something."""
    builds = decisive(run.builds)
    outcomes = {
        variant.name: check_outcomes(run.trials_of_apps, variant.name)
        for variant in experiment.variants
    }
    found = []
    for variant in experiment.variants:
        build = builds.get(variant.name)
        if build is None or not (build.diagnostics or build.digest):
            continue
        baseline = (
            outcomes.get(experiment.baseline, {}) if variant.name != experiment.baseline else {}
        )
        groups = _groups(
            variant.name,
            build.diagnostics,
            evidence(experiment.service.checks, outcomes[variant.name], baseline),
        )
        found.append(
            VariantDiagnostics(
                variant=variant.name,
                groups=groups,
                dropped=build.diagnostics_dropped,
                at_least=build.log_clipped,
                silenced=tuple(build.silenced),
            )
        )
    return tuple(found)


def package_checks(experiment: Experiment, run: RunRecords) -> tuple[PackageCheck, ...]:
    """For each package that a check covers and each variant: whether it works."""
    builds = decisive(run.builds)
    patterns = dict.fromkeys(p for check in experiment.service.checks for p in check.covers)
    found = []
    for pattern in patterns:
        covering = [c.name for c in experiment.service.checks if pattern in c.covers]
        for variant in experiment.variants:
            outcomes = check_outcomes(run.trials_of_apps, variant.name)
            heard = [name for name in covering if name in outcomes]
            failing = tuple(name for name in heard if not outcomes[name])
            working = Working.BROKEN if failing else Working.WORKS if heard else Working.UNCHECKED
            build = builds.get(variant.name)
            places = None
            if build is not None:
                places = sum(_fits(each, pattern) for each in build.diagnostics)
            found.append(
                PackageCheck(pattern, variant.name, working, failing or tuple(heard), places)
            )
    return tuple(found)


def check_outcomes(trials: Iterable[Trial], variant: str) -> dict[str, bool]:
    """Check -> whether it passed in every trial in which it was heard."""
    found: dict[str, bool] = {}
    for trial in trials:
        if trial.variant != variant:
            continue
        for check in trial.checks:
            found[check.check] = found.get(check.check, True) and check.passed
            if not check.passed and trial.outcome.failure.code in _DEADLY:
                # Those after it asked a program that was no more.
                break
    return found


# Pattern of packages or assemblies -> category and why.
Evidence = Mapping[str, tuple[Category, str]]


def evidence(
    checks: Iterable[Check], outcomes: Mapping[str, bool], baseline: Mapping[str, bool]
) -> Evidence:
    """What the outcomes of checks say of the packages that they cover.

    A check that fails on the baseline too says nothing of the compilation.
    """
    found: dict[str, tuple[Category, str]] = {}
    for check in checks:
        passed = outcomes.get(check.name)
        if passed is None or (not passed and not baseline.get(check.name, True)):
            continue
        category = Category.SUPPRESSIBLE if passed else Category.BLOCKING
        for pattern in check.covers:
            known = found.get(pattern)
            # One failure outweighs what passes.
            if known is None or (known[0] is Category.SUPPRESSIBLE and not passed):
                why = f"the check {check.name} fails"
                if passed:
                    why = f"exercised by the check {check.name}, which passes"
                found[pattern] = (category, why)
    return found


def judged(diagnostic: Diagnostic, known: Evidence) -> tuple[Category, str]:
    """The category of a diagnostic and what decided it; empty: the catalogue did."""
    category = _CATEGORIES.get(diagnostic.category, Category.REVIEW)
    if diagnostic.ruled:
        return category, RULE
    if diagnostic.severity == "error":
        return category, ""
    fitting = [found for pattern, found in known.items() if _fits(diagnostic, pattern)]
    return min(fitting, key=lambda found: _GRAVEST_FIRST.index(found[0]), default=(category, ""))


def _fits(diagnostic: Diagnostic, pattern: str) -> bool:
    names = (diagnostic.package, diagnostic.assembly)
    return any(name and fnmatchcase(name.lower(), pattern.lower()) for name in names)


def _groups(
    variant: str, diagnostics: Iterable[Diagnostic], known: Evidence
) -> tuple[DiagnosticGroup, ...]:
    sorted_out: dict[tuple[str, Category, str], list[Diagnostic]] = {}
    for diagnostic in diagnostics:
        category, reason = judged(diagnostic, known)
        sorted_out.setdefault((diagnostic.package, category, reason), []).append(diagnostic)
    groups = [
        DiagnosticGroup(
            variant=variant,
            package=package,
            category=category,
            places=len(members),
            findings=sum(member.count for member in members),
            codes=dict(Counter(member.code for member in members).most_common()),
            examples=tuple(map(_example, _telling(members))),
            reason=reason,
            risks=_risks(members),
            aggregates=sum(member.code in _AGGREGATES for member in members),
        )
        for (package, category, reason), members in sorted_out.items()
    ]
    groups.sort(
        key=lambda g: (
            _GRAVEST_FIRST.index(g.category),
            -g.risks.get(Risk.FAILS, 0),
            -g.places,
            g.package,
        )
    )
    return tuple(groups)


def _risks(members: Iterable[Diagnostic]) -> dict[Risk, int]:
    """Places by risk, the worst first."""
    counts = Counter(_RISKS[member.risk] for member in members if member.risk in _RISKS)
    return {risk: counts[risk] for risk in _WORST_FIRST if counts[risk]}


def _risk(member: Diagnostic) -> int:
    """Its place among the risks; of an older agent the last."""
    risk = _RISKS.get(member.risk)
    return len(_WORST_FIRST) if risk is None else _WORST_FIRST.index(risk)


def _telling(members: list[Diagnostic]) -> list[Diagnostic]:
    """A few that say most: of each code one; errors, what fails when it is reached, and places
    in the app's own files first."""
    members = sorted(members, key=lambda m: (m.severity != "error", _risk(m), not m.line, -m.count))
    first = {member.code: member for member in reversed(members)}
    chosen = [member for member in members if first[member.code] is member]
    return (chosen + [member for member in members if first[member.code] is not member])[:_EXAMPLES]


def _example(diagnostic: Diagnostic) -> DiagnosticExample:
    place = PurePosixPath(diagnostic.file).name
    if diagnostic.line:
        place = f"{place}:{diagnostic.line}"
    return DiagnosticExample(
        code=diagnostic.code,
        severity=diagnostic.severity,
        text=diagnostic.text,
        place=place or diagnostic.member,
        count=diagnostic.count,
    )
