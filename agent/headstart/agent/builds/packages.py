"""Whose code a diagnostic is about, from a path or from a member's name.

A path in NuGet's folder names package and assembly. A compiler that only names a
member leaves its namespace to go by: the tables of `known_diagnostics.py`, then the packages
that the project refers to, then the namespace's first words. Two packages that share
a namespace (EF Core and its relational part) can't be told apart that way.
"""

import re
from collections.abc import Collection
from pathlib import PurePosixPath

from headstart.agent.builds.known_diagnostics import ASPNETCORE, FRAMEWORK, PACKAGES, RUNTIME_PACKS

# PACKAGE/VERSION/FOLDER/..., as NuGet unpacks it.
_NUGET = re.compile(
    r"/([^/]+)/\d+\.[^/]*/(?:lib|ref|runtimes|build|buildTransitive|tools|analyzers|contentFiles)/"
)

# Where Microsoft's builds have the sources of what .NET brings along, as its native libraries tell.
_DOTNET_SOURCES = re.compile(r"/__w/\d+/s/src/(runtime|aspnetcore)/")


def of_path(path: str, referred: Collection[str] = ()) -> tuple[str, str]:
    """Assembly and package of a file in NuGet's folder, or among .NET's sources; else empty."""
    if source := _DOTNET_SOURCES.match(path):
        return "", ASPNETCORE if source[1] == "aspnetcore" else FRAMEWORK
    match = _NUGET.search(path)
    if match is None:
        return "", ""
    folder, file = match[1].lower(), PurePosixPath(path)
    assembly = file.stem if file.suffix in (".dll", ".exe") else ""
    if folder.startswith(RUNTIME_PACKS):
        framework = ASPNETCORE if "aspnetcore" in folder else FRAMEWORK
        return assembly, PACKAGES.get(_longest(f"{assembly}."), framework)
    names = (assembly, *referred, *PACKAGES.values())
    # NuGet's folders are in lower case; people know the name as its author wrote it.
    return assembly, next((name for name in names if name.lower() == folder), folder)


def of_member(member: str, referred: Collection[str] = ()) -> str:
    """The package of a member's full name, such as "AutoMapper.TypeMap.Seal()"; may be empty."""
    name = member.split("(")[0] + "."
    lower = name.lower()
    known = _longest(name)
    own = max((p for p in referred if lower.startswith(f"{p.lower()}.")), key=len, default="")
    if known or own:
        return own if len(own) + 1 > len(known) else PACKAGES[known]
    words = name.split(".")
    if words[0] == "Microsoft":
        return ".".join(words[:3]).rstrip(".")
    return _java_package(words) or words[0].split("`")[0].split("<")[0]


def _longest(name: str) -> str:
    return max((start for start in PACKAGES if name.startswith(start)), key=len, default="")


def _java_package(words: list[str]) -> str:
    """Words in lower case before the class: com.fasterxml.jackson.databind.X -> the first three."""
    lower = []
    for word in words:
        if not word[:1].islower():
            break
        lower.append(word)
    return ".".join(lower[:3])
