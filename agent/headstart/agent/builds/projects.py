"""What the project files of a build's context say: packages, own names, silenced warnings."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from headstart.agent.cancellation import Cancellation
from headstart.agent.linux.paths import is_within

# No '<' within an element: else each beginning would be searched to the end of the file.
_REFERENCE = re.compile(
    rb"<(?:PackageReference|PackageVersion|GlobalPackageReference)\s[^<>]*?"
    rb"(?:Include|Update)\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']"
)
_OWN_NAME = re.compile(rb"<(?:AssemblyName|RootNamespace)>\s*([\w.-]{1,200})\s*<")
# Properties that keep warnings about the way of compiling out of the log.
_NO_WARN = re.compile(rb"<(?:NoWarn|WarningsNotAsErrors)>([^<]{1,4000})<")
_CODE = re.compile(rb"\b(?:IL\d{4}|SYSLIB\d{4})\b")
_SWITCH = re.compile(
    rb"<(SuppressTrimAnalysisWarnings|SuppressAotAnalysisWarnings|EnableTrimAnalyzer"
    rb"|EnableAotAnalyzer|EnableSingleFileAnalyzer|ILLinkTreatWarningsAsErrors"
    rb"|TreatWarningsAsErrors|IlcTreatWarningsAsErrors)>\s*(true|false)\s*<",
    re.IGNORECASE,
)
# Which value of a switch silences.
_SILENCES = {
    b"suppresstrimanalysiswarnings": b"true",
    b"suppressaotanalysiswarnings": b"true",
    b"enabletrimanalyzer": b"false",
    b"enableaotanalyzer": b"false",
    b"enablesinglefileanalyzer": b"false",
}
_PROJECT_FILES = (".csproj", ".fsproj", ".vbproj", ".props", ".targets")
# More projects than this and the namespaces must do.
_MOST_FILES = 200
_LARGEST_FILE_BYTES = 1 << 20
_MOST_SILENCED = 50


@dataclass(frozen=True)
class Projects:
    """The projects of a context, as far as they were read."""

    # NuGet packages, as the projects write them.
    referred: frozenset[str] = frozenset()
    # Assemblies and namespaces of the projects themselves.
    own: frozenset[str] = frozenset()
    # What keeps warnings out of the log, such as "Web.csproj: NoWarn IL2026".
    silenced: tuple[str, ...] = field(default=())


def read_projects(context: Path, cancelled: Cancellation | None = None) -> Projects:
    """Read the project files below a folder; those that cannot be read are passed over.

    Cancelled when the run is meanwhile.
    """
    files = []
    for folder, _, names in os.walk(context):
        if cancelled is not None:
            cancelled.raise_if_set()
        files += [Path(folder, name) for name in names if name.endswith(_PROJECT_FILES)]
    referred: set[str] = set()
    own: set[str] = set()
    silenced: list[str] = []
    for path in sorted(files)[:_MOST_FILES]:
        # What a link leads out to is no part of the context.
        text = _read(path) if is_within(path, context) else b""
        referred.update(name.decode() for name in _REFERENCE.findall(text))
        own.update(name.decode("utf-8", "replace") for name in _OWN_NAME.findall(text))
        if path.suffix.endswith("proj"):
            own.add(path.stem)
        silenced += [f"{path.relative_to(context)}: {what}" for what in _silenced(text)]
    return Projects(frozenset(referred), frozenset(own), tuple(silenced[:_MOST_SILENCED]))


def _read(path: Path) -> bytes:
    if not path.is_file():
        # A FIFO would be waited for.
        return b""
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST_FILE_BYTES)
    except OSError:
        return b""


def _silenced(text: bytes) -> list[str]:
    """What a project silences of trimming and AOT; warnings of the language are no matter here."""
    codes = sorted({code for listed in _NO_WARN.findall(text) for code in _CODE.findall(listed)})
    found = [f"NoWarn {b', '.join(codes).decode()}"] if codes else []
    found += [
        f"{name.decode()} is {value.decode().lower()}"
        for name, value in _SWITCH.findall(text)
        if _SILENCES.get(name.lower()) == value.lower()
    ]
    return found
