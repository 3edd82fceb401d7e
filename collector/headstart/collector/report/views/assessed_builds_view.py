"""What the builds of an assessment warned of, and which packages really work; ready to be set."""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from headstart.collector.analysis.across.assessment import Assessment
from headstart.collector.findings import Category, RunResult, VariantDiagnostics, Working
from headstart.collector.report.sentences.text import line
from headstart.collector.report.views.assessment_view import ahead_of_time

# Packages of a category, and packages that no check covers.
_PACKAGES_SHOWN = 6
_UNCHECKED_SHOWN = 12


@dataclass(frozen=True)
class WarningRow:
    """One category of one build's warnings, in places."""

    run_id: str
    experiment: str
    variant: str
    category: str
    trimming: int
    ahead_of_time: int
    others: int
    packages: str


@dataclass(frozen=True)
class PackageFinding:
    """Whether a package works in a variant, and by which check of which run."""

    package: str
    variant: str
    working: Working
    evidence: str
    places: int | None
    run_id: str


def warning_rows(assessment: Assessment) -> list[WarningRow]:
    """Of each build that an assessment's runs made, by what is to be done about them."""
    return [
        row
        for run in assessment.runs
        for found in run.diagnostics
        for row in _warning_rows(run, found)
    ]


def _warning_rows(run: RunResult, found: VariantDiagnostics) -> Iterator[WarningRow]:
    for category in Category:
        groups = [group for group in found.groups if group.category is category]
        if not groups:
            continue
        codes: dict[str, int] = {}
        for group in groups:
            for code, places in group.codes.items():
                kind = code[:3].upper() if code[:3].upper() in ("IL2", "IL3") else ""
                codes[kind] = codes.get(kind, 0) + places
        named = [
            f"{line(g.package) or 'the app itself'} ({g.places})" for g in groups[:_PACKAGES_SHOWN]
        ]
        more = f" and {len(groups) - _PACKAGES_SHOWN} more" if len(groups) > _PACKAGES_SHOWN else ""
        yield WarningRow(
            run.run_id,
            run.experiment,
            found.variant,
            category.value,
            codes.get("IL2", 0),
            codes.get("IL3", 0),
            codes.get("", 0),
            ", ".join(named) + more,
        )


def checked_packages(assessment: Assessment) -> list[PackageFinding]:
    """What checks that really ran found of packages, ahead of time; then by the baseline."""
    return [
        PackageFinding(
            line(check.package),
            check.variant,
            check.working,
            ", ".join(map(line, check.checks)),
            check.places,
            run.run_id,
        )
        for run in assessment.runs
        for check in run.package_checks
        if check.variant in ahead_of_time(run)
    ]


def unchecked_packages(assessment: Assessment) -> list[tuple[str, int, str]]:
    """Packages that a build warned of and no check covers: name, places, run; the most first."""
    covered = [check.package for run in assessment.runs for check in run.package_checks]
    found: dict[str, tuple[int, str]] = {}
    for run in assessment.runs:
        for group in (g for each in run.diagnostics for g in each.groups):
            name = line(group.package)
            if not name or group.category is Category.SUPPRESSIBLE:
                continue
            if not any(fnmatchcase(name, pattern) for pattern in covered):
                places = max(found.get(name, (0, ""))[0], group.places)
                found[name] = (places, run.run_id)
    ordered = sorted(found.items(), key=lambda each: -each[1][0])[:_UNCHECKED_SHOWN]
    return [(name, places, run_id) for name, (places, run_id) in ordered]
