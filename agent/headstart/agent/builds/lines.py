"""What one line of a build's log says, if it is a diagnostic: pure, and without memory.

Lines are MSBuild's canonical form, `origin : kind warning CODE: text [project]`
(Microsoft, "MSBuild and Visual Studio format for diagnostic messages"), those of native
linkers and of Rust's compiler, and those of GraalVM's native-image. A detailed log
(`-v:n`) puts times and the number of a node before them.
"""

import re
from dataclasses import dataclass

from headstart.agent.builds.known_diagnostics import (
    ALWAYS_THROWS,
    FALLBACK_IMAGE,
    LINKER,
    MSBUILD,
    NATIVE_IMAGE,
)

# Signatures with many generic arguments reach 2 kB.
LONGEST_LINE = 8192

# Cheap, and says no to nearly all lines of a log.
_WORTH_A_LOOK = re.compile(r"warning|error|undefined|cannot find|fatal|always throw", re.IGNORECASE)
# "12:01:07.114   1:2>", "     1>"
_NODE = re.compile(r"\s*(?:\d{1,2}:\d\d:\d\d\.\d{3}\s+)?(?:\d{1,4}(?::\d{1,4})?>)?")
# The words between are localised ("AOT analysis"), "warning" and "error" are not.
_MSBUILD = re.compile(
    r"\s*(?P<origin>\S[^\n]*?)\s?:\s(?:[^\W\d_]+(?: [^\W\d_]+)* )?(?P<severity>error|warning)"
    r" (?P<code>[A-Za-z]{1,10}\d{1,5}): (?P<text>.*)"
)
# Tasks that log an error of their own give it no code.
_MSBUILD_BARE = re.compile(
    r"\s*(?P<origin>\S[^\n]*?)\s?:\s(?P<severity>error|warning)\s:\s(?P<text>.*)"
)
_PROJECT = re.compile(r"\s\[(?P<project>[^\[\]]+\.\w*proj)(?:::[^\[\]]*)?\]$")
_PLACE = re.compile(r"(?P<file>.+?)(?:\((?P<line>\d{1,9})(?:,\d+){0,3}\)|:(?P<after>\d{1,9}))$")
# What ILC and ILLink begin their text with: the member in which they found something.
_MEMBER = re.compile(r"(?P<member>[^\s'\"(]+(?:\([^()'\"]*\))?\S*): (?P<text>.+)")
_THROWS = re.compile(
    r"\s*ILC ?: Method '(?:\[(?P<assembly>[^\]']+)\])?(?P<member>[^']+)'"
    r" will always throw because: (?P<text>.+)"
)

_TOOL = (
    r"(?:\S*/)?(?:[a-z0-9_-]+-)?(?P<tool>ld(?:\.\w+)?|lld|mold|collect2|clang(?:\+\+)?(?:-\d+)?"
    r"|g(?:cc|\+\+)(?:-\d+)?|cc|c\+\+)"
)
_LINKER = re.compile(rf"\s*{_TOOL}: (?P<text>.+)")
_LINKER_TOOL = re.compile(_TOOL)
_LINKER_FAILED = re.compile(
    r"\b(?:error|fatal)\b|undefined reference|cannot find|unable to find library"
)
# The linker's second line of a place: the first one names the object alone.
_UNDEFINED = re.compile(r"\s*\(\.\w[\w.]*\+0x[0-9a-f]+\): (?P<text>undefined reference to .+)")
_STATIC_GLIBC = re.compile(
    r"\s*(?P<origin>\S+?)\s?: (?P<severity>warning) ?: (?P<text>Using '\w+' in statically .+)"
)
_RUST = re.compile(r"\s*(?P<severity>error|warning)\[(?P<code>E\d{4})\]: (?P<text>.+)")
_RUST_LINKER = re.compile(r"\s*error: (?P<text>linking with .+ failed.*)")

_NATIVE_IMAGE = re.compile(r"(?P<severity>Warning|Error|Fatal error): ?(?P<text>.+)")
# Not what is wrong, but what to do about it, or that something was.
_NATIVE_IMAGE_ADVICE = re.compile(
    r"Use -H:|Image build request failed|.*Please (?:report|inspect|file)"
)
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
    # As the line itself names it; mostly it does not.
    assembly: str = ""


def parse_line(text: str, native_image: bool = False) -> Finding | None:
    """The diagnostic that a line holds. `native_image`: GraalVM's builder is at work."""
    if not _WORTH_A_LOOK.search(text):
        return None
    node = _NODE.match(text)
    text = text[node.end() :] if node else text
    if match := _MSBUILD.match(text):
        return _msbuild(match, match["code"])
    if match := _STATIC_GLIBC.match(text):
        return _msbuild(match, LINKER)
    if match := _MSBUILD_BARE.match(text):
        of_linker = "linker" in match["text"] or _LINKER_TOOL.fullmatch(match["origin"])
        return _msbuild(match, LINKER if of_linker else MSBUILD)
    if match := _LINKER.match(text):
        return _linker(match)
    if match := _UNDEFINED.match(text) or _RUST_LINKER.match(text):
        return Finding(LINKER, "error", match["text"])
    if match := _RUST.match(text):
        return Finding(match["code"], match["severity"], match["text"])
    if match := _THROWS.match(text):
        return Finding(
            ALWAYS_THROWS,
            "warning",
            f"will always throw because: {match['text']}",
            member=match["member"],
            assembly=match["assembly"] or "",
        )
    if native_image and (match := _NATIVE_IMAGE.match(text)):
        return _graalvm(match)
    return None


def _msbuild(match: "re.Match[str]", code: str) -> Finding:
    text, project, member = match["text"], "", ""
    if named := _PROJECT.search(text):
        text, project = text[: named.start()], named["project"]
    if code.startswith("IL") and (begins := _MEMBER.match(text)):
        member, text = begins["member"], begins["text"]
    file, line = _place(match["origin"])
    return Finding(code, match["severity"], text.strip(), file, line, member, project)


def _place(origin: str) -> tuple[str, int]:
    """File and line, as far as the origin names them; a tool's name is none."""
    if place := _PLACE.match(origin):
        return place["file"], int(place["line"] or place["after"])
    return (origin if "/" in origin else ""), 0


def _linker(match: "re.Match[str]") -> Finding | None:
    if "warning: " in match["text"]:
        return Finding(LINKER, "warning", match["text"])
    return Finding(LINKER, "error", match["text"]) if _LINKER_FAILED.search(match["text"]) else None


def _graalvm(match: "re.Match[str]") -> Finding | None:
    severity = "warning" if match["severity"] == "Warning" else "error"
    text = match["text"].strip()
    if severity == "error" and _NATIVE_IMAGE_ADVICE.match(text):
        return None
    if severity == "warning" and _FALLBACK.search(text):
        return Finding(FALLBACK_IMAGE, severity, text)
    if at := _INVOKED_AT.search(text):
        return Finding(NATIVE_IMAGE, severity, text, at["file"], int(at["line"]), at["member"])
    return Finding(NATIVE_IMAGE, severity, text)
