"""Warnings and errors in a build's log: one for each place, with a category.

Lines are MSBuild's canonical form, `origin : kind warning CODE: text [project]`
(Microsoft, "MSBuild and Visual Studio format for diagnostic messages"), those of
native linkers, and those of GraalVM's native-image. The analyzer (at compile time)
and the AOT compiler often tell of one place; it is one finding, with both counted.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from headstart.agent.builds.known_diagnostics import (
    CODES,
    FALLBACK_IMAGE,
    LINKER,
    MSBUILD,
    NATIVE_IMAGE,
)
from headstart.agent.builds.packages import of_member, of_path
from headstart.v1.experiment_pb2 import (
    DIAGNOSTIC_CATEGORY_BLOCKING,
    DiagnosticCategory,
    DiagnosticRule,
)
from headstart.v1.records_pb2 import Diagnostic

# Of a line; signatures with many generic arguments reach 2 kB.
_LONGEST_LINE = 8192
_LONGEST_TEXT = 600

# Cheap, and says no to nearly all lines of a log.
_WORTH_A_LOOK = re.compile(r"warning|error|undefined|cannot find", re.IGNORECASE)
_MSBUILD = re.compile(
    r"\s*(?P<origin>\S[^\n]*?)\s?:\s(?:[A-Za-z]+(?: [A-Za-z]+)* )?(?P<severity>error|warning)"
    r" (?P<code>[A-Za-z]{2,10}\d{1,5}): (?P<text>.*)"
)
# Tasks that log an error of their own give it no code.
_MSBUILD_BARE = re.compile(
    r"\s*(?P<origin>\S[^\n]*?)\s?:\s(?P<severity>error|warning)\s:\s(?P<text>.*)"
)
_PROJECT = re.compile(r"\s\[(?P<project>[^\[\]]+\.\w*proj)(?:::[^\[\]]*)?\]$")
_PLACE = re.compile(r"(?P<file>.+?)(?:\((?P<line>\d{1,9})(?:,\d+){0,3}\)|:(?P<after>\d{1,9}))$")
# What ILC begins its text with: the member in which it found something.
_MEMBER = re.compile(r"(?P<member>\S+): (?P<text>.+)")
_USES = re.compile(r"Using member '([^']+)'")
_ASSEMBLY = re.compile(r"Assembly '([^']+)' produced")

_LINKER = re.compile(
    r"\s*(?:\S*/)?(?:[a-z0-9_-]+-)?(?P<tool>ld(?:\.\w+)?|collect2|clang(?:-\d+)?|gcc(?:-\d+)?)"
    r": (?P<text>.+)"
)
_LINKER_FAILED = re.compile(r"\berror\b|undefined reference|cannot find|unable to find library")
_STATIC_GLIBC = re.compile(
    r"\s*(?P<origin>\S+?)\s?: (?P<severity>warning) ?: (?P<text>Using '\w+' in statically .+)"
)

_NATIVE_IMAGE_BEGINS = re.compile(r"GraalVM Native Image: Generating|\[1/\d\] Initializing")
_NATIVE_IMAGE = re.compile(r"(?P<severity>Warning|Error|Fatal error): ?(?P<text>.+)")
_FALLBACK = re.compile(r"is a fallback image|Aborting stand-alone image build")
_INVOKED_AT = re.compile(r" invoked at (?P<member>[\w.$]+)\((?P<file>[\w.]+):(?P<line>\d{1,9})\)")


@dataclass(frozen=True)
class Finding:
    """What one line says."""

    code: str
    severity: str
    text: str
    file: str = ""
    line: int = 0
    member: str = ""
    project: str = ""


class Diagnostics:
    """The findings of one build; give it the lines in their order.

    `referred` are the packages of the project, `rules` those of the experiment.
    """

    def __init__(
        self, rules: Sequence[DiagnosticRule] = (), referred: Collection[str] = ()
    ) -> None:
        self._rules = rules
        self._referred = referred
        self._found: dict[tuple[str, str, int | str], Diagnostic] = {}
        self._native_image = False

    def line(self, text: str) -> Finding | None:
        """Take in a line; what it says, if it is a diagnostic."""
        text = text[:_LONGEST_LINE].rstrip()
        self._native_image = self._native_image or bool(_NATIVE_IMAGE_BEGINS.search(text))
        finding = parse_line(text, self._native_image)
        if finding is not None:
            self._count(finding)
        return finding

    def found(self) -> list[Diagnostic]:
        """One for each place: errors first, then in the order of the log."""
        return sorted(self._found.values(), key=lambda each: each.severity != "error")

    def _count(self, finding: Finding) -> None:
        place = finding.line or finding.member or finding.text
        found = self._found.get((finding.code, finding.file, place))
        if found is None:
            found = self._diagnostic(finding)
            self._found[finding.code, finding.file, place] = found
        elif not found.member:
            # The analyzer tells the line alone, the compiler after it the member too.
            found.member = finding.member
        found.count += 1

    def _diagnostic(self, finding: Finding) -> Diagnostic:
        assembly, package = attributed(finding, self._referred)
        category, ruled = category_of(finding, assembly, package, self._rules)
        return Diagnostic(
            code=finding.code,
            severity=finding.severity,
            text=finding.text[:_LONGEST_TEXT],
            file=finding.file,
            line=finding.line,
            member=finding.member,
            assembly=assembly,
            package=package,
            category=category,
            ruled=ruled,
        )


def parse_line(text: str, native_image: bool = False) -> Finding | None:
    """The diagnostic that a line holds. `native_image`: GraalVM's builder is at work."""
    if not _WORTH_A_LOOK.search(text):
        return None
    if match := _MSBUILD.match(text):
        return _msbuild(match, match["code"])
    if match := _STATIC_GLIBC.match(text):
        return _msbuild(match, LINKER)
    if match := _MSBUILD_BARE.match(text):
        return _msbuild(match, LINKER if "linker" in match["text"] else MSBUILD)
    if match := _LINKER.match(text):
        return _linker(match)
    if native_image and (match := _NATIVE_IMAGE.match(text)):
        return _graalvm(match)
    return None


def category_of(
    finding: Finding, assembly: str, package: str, rules: Iterable[DiagnosticRule]
) -> tuple[DiagnosticCategory.ValueType, bool]:
    """The category, and whether a rule of the experiment set it; the first that fits does."""
    names = [name.lower() for name in (finding.code, assembly, package) if name]
    for rule in rules:
        if any(fnmatchcase(name, rule.match.lower()) for name in names):
            return rule.category, True
    if finding.severity == "error":
        return DIAGNOSTIC_CATEGORY_BLOCKING, False
    return next(c.category for c in CODES if fnmatchcase(finding.code, c.pattern)), False


def attributed(finding: Finding, referred: Collection[str] = ()) -> tuple[str, str]:
    """Assembly and package of a finding; see `packages.py` for what is guessed."""
    assembly, package = of_path(finding.file, referred)
    if named := _ASSEMBLY.match(finding.text):
        return named[1], package or of_member(f"{named[1]}.", referred)
    if package:
        return assembly, package
    if finding.member and (not finding.file or finding.code == NATIVE_IMAGE):
        return "", of_member(finding.member, referred)
    own = PurePosixPath(finding.project).stem
    uses = _USES.search(finding.text)
    # Reflection of the app itself is the app's own affair.
    if uses is None or uses[1].startswith("System."):
        return own, ""
    used = of_member(uses[1], referred)
    return own, used if used != own else ""


def _msbuild(match: "re.Match[str]", code: str) -> Finding:
    text, project, member = match["text"], "", ""
    if named := _PROJECT.search(text):
        text, project = text[: named.start()], named["project"]
    if code.startswith("IL") and (begins := _MEMBER.match(text)) and "'" not in begins["member"]:
        member, text = begins["member"], begins["text"]
    file, line = _place(match["origin"])
    return Finding(code, match["severity"], text.strip(), file, line, member, project)


def _place(origin: str) -> tuple[str, int]:
    """File and line, as far as the origin names them; a tool's name is none."""
    if place := _PLACE.match(origin):
        return place["file"], int(place["line"] or place["after"])
    return (origin if "/" in origin else ""), 0


def _linker(match: "re.Match[str]") -> Finding | None:
    if _LINKER_FAILED.search(match["text"]):
        return Finding(LINKER, "error", match["text"])
    return Finding(LINKER, "warning", match["text"]) if "warning: " in match["text"] else None


def _graalvm(match: "re.Match[str]") -> Finding:
    severity = "warning" if match["severity"] == "Warning" else "error"
    text = match["text"].strip()
    if severity == "warning" and _FALLBACK.search(text):
        return Finding(FALLBACK_IMAGE, severity, text)
    if at := _INVOKED_AT.search(text):
        return Finding(NATIVE_IMAGE, severity, text, at["file"], int(at["line"]), at["member"])
    return Finding(NATIVE_IMAGE, severity, text)
