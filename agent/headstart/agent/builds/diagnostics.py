"""Warnings and errors in a build's log: one for each place, with a category.

The analyzer (at compile time) and the AOT compiler often tell of one place; it is one
finding, with both counted. The lines themselves are read in `lines.py`.
"""

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from headstart.agent.builds.known_diagnostics import CODES, NATIVE_IMAGE, Code
from headstart.agent.builds.lines import LONGEST_LINE, Finding, parse_line
from headstart.agent.builds.packages import of_member, of_path
from headstart.agent.builds.projects import Projects
from headstart.v1.experiment_pb2 import (
    DIAGNOSTIC_CATEGORY_BLOCKING,
    DiagnosticCategory,
    DiagnosticRule,
)
from headstart.v1.records_pb2 import Diagnostic
from headstart.words.foreign.clean import uncoloured

_LONGEST_TEXT = 600
_NATIVE_IMAGE_BEGINS = re.compile(r"GraalVM Native Image: Generating|\[1/\d\] Initializing")
_NATIVE_IMAGE_CRASH = "The build process encountered an unexpected error:"
# What BuildKit writes where a step says more than it keeps (2 MiB, or 100 KiB/s).
_CLIPPED = "[output clipped, log limit "
# The quotation marks of the SDK's languages, around a member with its arguments.
_USES = re.compile(r"['\"“„「]([^\W\d][\w.`+<>$]*\.[\w.`<>$]+\([^'\"]*\))['\"”」]")
# One warning that stands for an assembly: its name is the first thing quoted.
_AGGREGATES = ("IL2104", "IL3053")
_QUOTED = re.compile(r"['\"“„「]([\w.-]+)['\"”」]")
_COMPILED = "/obj/"
# Where the compiler maps the sources of a deterministic build to.
_MAPPED = "/_/"


class Diagnostics:
    """The findings of one build; give it the lines in their order.

    `projects` are those of the context, `rules` those of the experiment.
    """

    def __init__(
        self, rules: Sequence[DiagnosticRule] = (), projects: Projects | None = None
    ) -> None:
        self._rules = rules
        self._whose = Whose(projects or Projects())
        self._found: dict[tuple[str, str, int | str], Diagnostic] = {}
        self._native_image = False
        self._crash: list[str] | None = None
        self._headline: Diagnostic | None = None
        # The builder kept back a part of the output: what was found is the least there is.
        self.clipped = False

    def line(self, text: str) -> Finding | None:
        """Take in a line; what it says, if it is a diagnostic."""
        text = uncoloured(text[:LONGEST_LINE]).rstrip()
        self.clipped = self.clipped or _CLIPPED in text
        self._native_image = self._native_image or bool(_NATIVE_IMAGE_BEGINS.search(text))
        finding = self._crash_of(text) or parse_line(text, self._native_image)
        if finding is not None:
            self._count(finding)
        else:
            self._continue(text)
        return finding

    def found(self) -> list[Diagnostic]:
        """One for each place: errors first, then in the order of the log."""
        return sorted(self._found.values(), key=lambda each: each.severity != "error")

    def _crash_of(self, text: str) -> Finding | None:
        """native-image's account of its own crash: the first line that begins with '>'."""
        if self._native_image and text == _NATIVE_IMAGE_CRASH:
            self._crash = []
        elif self._crash is not None and text.startswith("> "):
            self._crash = None
            return Finding(NATIVE_IMAGE, "error", text[2:])
        return None

    def _continue(self, text: str) -> None:
        """A headline of native-image that ends in a colon says what it is about below."""
        headline, self._headline = self._headline, None
        if headline is not None and text.strip():
            headline.text = f"{headline.text} {text.strip()}"[:_LONGEST_TEXT]

    def _count(self, finding: Finding) -> None:
        assembly, package, file = self._whose.attributed(finding)
        place = finding.line or finding.member or finding.text
        found = self._found.get((finding.code, file, place))
        if found is None:
            found = self._diagnostic(finding, assembly, package, file)
            self._found[finding.code, file, place] = found
        elif not found.member:
            # The analyzer tells the line alone, the compiler after it the member too.
            found.member = finding.member
        found.count += 1
        told_below = finding.code == NATIVE_IMAGE and finding.text.endswith(":")
        self._headline = found if told_below and found.count == 1 else None

    def _diagnostic(self, finding: Finding, assembly: str, package: str, file: str) -> Diagnostic:
        category, ruled = category_of(finding, assembly, package, self._rules)
        return Diagnostic(
            code=finding.code,
            severity=finding.severity,
            text=finding.text[:_LONGEST_TEXT],
            file=file,
            line=finding.line,
            member=finding.member,
            assembly=assembly,
            package=package,
            category=category,
            ruled=ruled,
            risk=_known(finding.code).risk,
        )


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
    return _known(finding.code).category, False


def _known(code: str) -> Code:
    return next(known for known in CODES if fnmatchcase(code, known.pattern))


class Whose:
    """Tells the app's own code from that of packages; it learns from the lines that it sees."""

    def __init__(self, projects: Projects) -> None:
        self._referred = projects.referred
        self._names = {name.lower() for name in projects.own}
        # Folders of the projects that the log names, and the app's files seen there.
        self._folders: set[str] = set()
        self._files: set[str] = set()

    def attributed(self, finding: Finding) -> tuple[str, str, str]:
        """Assembly, package and file of a finding; see `packages.py` for what is guessed.

        The package is empty where the app itself is meant, or nothing is known.
        """
        self._learn(finding.project)
        assembly, package = of_path(finding.file, self._referred)
        if finding.code in _AGGREGATES and (named := _QUOTED.search(finding.text)):
            return *self._aggregate(named[1], package, finding.file), finding.file
        if package:
            return assembly, package, finding.file
        file = self._unmapped(finding.file)
        if finding.member and not self._is_own(finding, file):
            return finding.assembly, of_member(finding.member, self._referred), file
        if file.startswith("/"):
            self._files.add(file)
        own = PurePosixPath(finding.project).stem or finding.assembly
        uses = _USES.search(finding.text)
        # Reflection of the app itself is the app's own affair.
        if uses is None or uses[1].startswith("System."):
            return own, "", file
        used = of_member(uses[1], self._referred)
        return own, used if used.lower() not in self._names else "", file

    def _learn(self, project: str) -> None:
        if project:
            path = PurePosixPath(project)
            self._names.add(path.stem.lower())
            self._folders.add(f"{path.parent}/")

    def _aggregate(self, assembly: str, package: str, file: str) -> tuple[str, str]:
        """An assembly's warnings in one: the app's own, or a package's."""
        is_own = assembly.lower() in self._names or self._in_folders(file)
        # The terminal logger names no project: what the compiler wrote for one is in its `obj`.
        if not package and (is_own or (_COMPILED in file and file.endswith(f"/{assembly}.dll"))):
            return assembly, ""
        return assembly, package or of_member(f"{assembly}.", self._referred)

    def _unmapped(self, file: str) -> str:
        """The app's own file behind a path of a deterministic build; else the path as it is."""
        if not file.startswith(_MAPPED):
            return file
        ends = f"/{file.removeprefix(_MAPPED)}"
        own = [known for known in self._files if known.endswith(ends)]
        return own[0] if len(own) == 1 else file

    def _is_own(self, finding: Finding, file: str) -> bool:
        if finding.code == NATIVE_IMAGE:
            # A file's name alone, which says nothing.
            return False
        if file and not file.startswith("/"):
            return True
        if file in self._files or (not file.startswith(_MAPPED) and self._in_folders(file)):
            return True
        return self._is_own_name(finding.member)

    def _in_folders(self, file: str) -> bool:
        return any(file.startswith(folder) for folder in self._folders)

    def _is_own_name(self, member: str) -> bool:
        lower = member.lower()
        return any(lower.startswith(f"{name}.") for name in self._names)
