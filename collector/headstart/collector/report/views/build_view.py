"""Builds and their diagnostics, ready to be set: the same rows for every format."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from headstart.collector.findings import (
    Category,
    DiagnosticExample,
    DiagnosticGroup,
    PackageCheck,
    Risk,
    RunResult,
    VariantBuild,
    VariantDiagnostics,
    Working,
)
from headstart.collector.findings.quantities import quantity
from headstart.collector.report.sentences.text import line
from headstart.collector.report.views.view import build_context, variant_names

BUILD_NOTE = (
    "Each variant was built here before the first trial. Memory is the highest that a step's "
    "own memory reached (read five times a second); the page cache of files comes on top. "
    "Where the time goes is that of one clean build, by the lines that its tools wrote."
)
DIAGNOSTICS_NOTE = (
    "What the build warned of, once for each place; findings count how often it was said. "
    "Blocking: it does not build, or a check that runs through the package fails. Suppressible: "
    "such a check passes, or it is not about the way of compiling. Review: nobody knows yet; what "
    "becomes of such code when it is reached is told by the compiler's code alone."
)
PACKAGES_NOTE = "By the checks that say which packages they run through."
THE_APP = "the app itself"
OTHER_STEPS = "other steps"
NOTHING = "–"
# What a publish is made of, in its order; other parts follow as they come.
_PARTS = ("context", "restore", "compile", "ILC", "ILC and link", "link", "publish")
_RISK_WORDS = {
    Risk.FAILS: "fail when reached",
    Risk.MAY_FAIL: "may fail",
    Risk.HARMLESS: "mostly harmless",
}
_SILENCED_SHOWN = 5
_GROUPS_SHOWN = 20
_TEXT_CHARACTERS = 220
_STEP_CHARACTERS = 100
_CODES_SHOWN = 4


@dataclass(frozen=True)
class BuildRow:
    """One variant's builds."""

    variant: str
    # "23.5 s", and "3 builds, 23.1 s to 24.0 s" where there are more.
    clean: str
    clean_detail: str
    cached: str
    cpu: str
    memory: str
    memory_detail: str
    builder: str
    failed: bool


@dataclass(frozen=True)
class SplitRow:
    """A part of the build over the variants."""

    part: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class DiagnosticRow:
    """One package and category; `examples` are (code and place, text)."""

    category: Category
    package: str
    places: int
    findings: int
    codes: str
    reason: str
    examples: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class DiagnosticTable:
    """What one variant's build warned of."""

    variant: str
    summary: str
    rows: tuple[DiagnosticRow, ...]
    # How many groups are not in `rows`.
    more: int


@dataclass(frozen=True)
class PackageCell:
    """Whether a package works in a variant, and the evidence."""

    working: Working
    detail: str


@dataclass(frozen=True)
class PackageRow:
    """A package over the variants."""

    package: str
    cells: tuple[PackageCell, ...]


def build_rows(result: RunResult) -> list[BuildRow]:
    """Of each variant that was built, in the order of the file."""
    return [
        _row(name, [build for build in result.builds if build.variant == name])
        for name in _variants(result)
    ]


def context_lines(result: RunResult) -> list[str]:
    """What was built, as far as it was brought here: names of the variants, and which bytes."""
    names: dict[str, list[str]] = {}
    for build in result.builds:
        if (words := build_context(build)) and build.variant not in names.setdefault(words, []):
            names[words].append(build.variant)
    return [f"{', '.join(each)}: {words}" for words, each in names.items()]


def shown_builds(result: RunResult) -> list[VariantBuild]:
    """Of each variant the clean build that stands for it: the last that made an image."""
    found: dict[str, VariantBuild] = {}
    for build in result.builds:
        known = found.get(build.variant)
        if build.clean and (known is None or known.failure_message or not build.failure_message):
            found[build.variant] = build
    return list(found.values())


def split(build: VariantBuild) -> list[tuple[str, float]]:
    """Where the time of a build went: its parts by name and what no part explains, in seconds."""
    found: dict[str, float] = {}
    for stage in build.stages:
        parts = [(part.name, part.duration_seconds) for part in stage.parts]
        if stage.name == "context":
            parts = [("context", stage.duration_seconds)]
        for name, seconds in parts:
            found[line(name)] = found.get(line(name), 0.0) + seconds
    known = [(name, found.pop(name)) for name in _PARTS if name in found]
    parts = [*known, *found.items()]
    rest = build.seconds - sum(seconds for _, seconds in parts)
    # Steps that run at the same time count twice.
    return [*parts, (OTHER_STEPS, rest)] if rest > 0 else parts


def split_rows(result: RunResult) -> tuple[list[str], list[SplitRow]]:
    """Names of the variants, and a row for each part; empty where no part is known."""
    builds = shown_builds(result)
    splits = [dict(split(build)) for build in builds]
    names = dict.fromkeys(name for found in splits for name in found)
    ordered = sorted(names, key=lambda n: _PARTS.index(n) if n in _PARTS else len(_PARTS))
    ordered.sort(key=lambda name: name == OTHER_STEPS)
    if not set(names) - {"context", OTHER_STEPS}:
        return [], []
    rows = [SplitRow(name, tuple(_cell(found.get(name)) for found in splits)) for name in ordered]
    return [build.variant for build in builds], rows


def step_rows(build: VariantBuild) -> list[tuple[str, str, str]]:
    """Duration, instruction, and whether it came from the cache."""
    return [
        (
            quantity(stage.duration_seconds, "seconds"),
            _short(stage.name, _STEP_CHARACTERS),
            "cached" if stage.cached else "",
        )
        for stage in build.stages
    ]


def diagnostic_tables(result: RunResult) -> list[DiagnosticTable]:
    """Of each variant whose build told of something."""
    return [_table(found) for found in result.diagnostics]


def package_table(result: RunResult) -> tuple[list[str], list[PackageRow]]:
    """Names of the variants, the baseline first, and a row for each package."""
    if not result.package_checks:
        return [], []
    names = variant_names(result)
    by_place = {(check.package, check.variant): check for check in result.package_checks}
    packages = dict.fromkeys(check.package for check in result.package_checks)
    rows = [
        PackageRow(
            line(package),
            tuple(_package_cell(by_place.get((package, name))) for name in names),
        )
        for package in packages
    ]
    return names, rows


def split_line(build: VariantBuild) -> str:
    """Such as "restore 0.66 s, compile 4.16 s, ILC 13.5 s, link 1.41 s"; may be empty."""
    parts = split(build)
    if not {name for name, _ in parts} - {"context", OTHER_STEPS}:
        return ""
    return ", ".join(f"{name} {quantity(seconds, 'seconds')}" for name, seconds in parts)


def _variants(result: RunResult) -> list[str]:
    return list(dict.fromkeys(build.variant for build in result.builds))


def _row(variant: str, builds: list[VariantBuild]) -> BuildRow:
    made = [build for build in builds if build.clean and not build.failure_message]
    cached = [build for build in builds if not build.clean and not build.failure_message]
    cpu = [build.cpu_seconds for build in made if build.cpu_seconds]
    memory = [build.anonymous_peak_bytes for build in made if build.anonymous_peak_bytes]
    whole = [build.memory_peak_bytes for build in made if build.memory_peak_bytes]
    return BuildRow(
        variant=variant,
        clean=_middle(build.seconds for build in made) or "failed",
        clean_detail=_range([build.seconds for build in made]),
        cached=_middle(build.seconds for build in cached) or NOTHING,
        cpu=_middle(cpu) or NOTHING,
        memory=quantity(max(memory), "bytes") if memory else NOTHING,
        memory_detail=f"{quantity(max(whole), 'bytes')} with page cache" if whole else "",
        builder=line(builds[0].builder),
        failed=not made,
    )


def _middle(seconds: Iterable[float]) -> str:
    ordered = sorted(seconds)
    if not ordered:
        return ""
    half = len(ordered) // 2
    middle = ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
    return quantity(middle, "seconds")


def _range(seconds: list[float]) -> str:
    if len(seconds) < 2:
        return ""
    low, high = quantity(min(seconds), "seconds"), quantity(max(seconds), "seconds")
    return f"{len(seconds)} builds, {low} to {high}"


def _cell(seconds: float | None) -> str:
    return NOTHING if seconds is None else quantity(seconds, "seconds")


def _table(found: VariantDiagnostics) -> DiagnosticTable:
    places = sum(group.places for group in found.groups)
    parts = [
        f"{found.places(category)} {category.value}"
        for category in Category
        if found.places(category)
    ]
    said = "finding" if found.findings == 1 else "findings"
    where = "place" if places == 1 else "places"
    counts = f"{found.findings:,} {said} in {places:,} {where}: {', '.join(parts)}"
    if not found.groups:
        counts = "no warnings"
    return DiagnosticTable(
        variant=found.variant,
        summary="; ".join([f"{'at least ' if found.at_least else ''}{counts}", *_limits(found)]),
        rows=tuple(map(_diagnostic_row, found.groups[:_GROUPS_SHOWN])),
        more=max(0, len(found.groups) - _GROUPS_SHOWN),
    )


def _limits(found: VariantDiagnostics) -> Iterator[str]:
    """Why there may be more than was counted."""
    if found.dropped:
        yield f"{found.dropped} more places had no room"
    if found.at_least:
        yield "the builder kept back a part of the output"
    if aggregates := sum(group.aggregates for group in found.groups):
        yield f"{aggregates} of the places each stand for an unknown number, an assembly's"
    if found.silenced:
        shown = ", ".join(map(line, found.silenced[:_SILENCED_SHOWN]))
        more = len(found.silenced) - _SILENCED_SHOWN
        yield f"silenced: {shown}" + (f" and {more} more" if more > 0 else "")


def _diagnostic_row(group: DiagnosticGroup) -> DiagnosticRow:
    codes = [f"{line(code)} × {count}" for code, count in group.codes.items()]
    more = len(codes) - _CODES_SHOWN
    return DiagnosticRow(
        category=group.category,
        package=line(group.package) or THE_APP,
        places=group.places,
        findings=group.findings,
        codes=", ".join(codes[:_CODES_SHOWN]) + (f" and {more} more" if more > 0 else ""),
        reason="; ".join(filter(None, (line(group.reason), _risk_words(group)))),
        examples=tuple(map(_example, group.examples)),
    )


def _risk_words(group: DiagnosticGroup) -> str:
    """By the codes: of what is blocking or suppressed nobody needs to know."""
    if group.category is not Category.REVIEW:
        return ""
    return ", ".join(f"{places} {_RISK_WORDS[risk]}" for risk, places in group.risks.items())


def _example(example: DiagnosticExample) -> tuple[str, str]:
    where = f" {_short(example.place, _STEP_CHARACTERS)}" if example.place else ""
    return f"{line(example.code)}{where}", _short(example.text, _TEXT_CHARACTERS)


def _package_cell(check: PackageCheck | None) -> PackageCell:
    if check is None:
        return PackageCell(Working.UNCHECKED, "")
    parts = [", ".join(map(line, check.checks))] if check.working is Working.BROKEN else []
    if check.places:
        where = "place" if check.places == 1 else "places"
        parts.append(f"{check.places} {where} in the build")
    return PackageCell(check.working, "; ".join(parts))


def _short(text: str, characters: int) -> str:
    text = line(text)
    return text if len(text) <= characters else f"{text[: characters - 1]}…"
