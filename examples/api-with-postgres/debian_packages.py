"""Files of Debian packages, fetched and unpacked without installing anything."""

import re
import subprocess
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

# The compiler of PostgreSQL's own JIT: 100 MB, which nothing is linked with but that.
NOT_WANTED = "libllvm"
LIBRARIES = "lib/x86_64-linux-gnu"
LOADER = "ld-linux-x86-64.so.2"


class Packages:
    """Packages, with the libraries that they depend on, unpacked into one folder."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self.folder = folder
        archives = folder.with_name(f"{folder.name}-archives")
        wanted = _with_libraries(names)
        _fetch(archives, wanted)
        folder.mkdir(parents=True, exist_ok=True)
        for name in wanted:
            for archive in archives.glob(f"{name}_*.deb"):
                subprocess.run(["dpkg-deb", "--extract", archive, folder], check=True)

    def file(self, path: str) -> Path:
        """A file of the packages, by its path once it is installed."""
        return self.folder / path.lstrip("/")

    def libraries_of(self, program: Path) -> dict[str, Path]:
        """The shared libraries of a program: where it looks for each, and the file here."""
        loader = self.file(f"{LIBRARIES}/{LOADER}")
        places = [str(self.file(place)) for place in (LIBRARIES, f"usr/{LIBRARIES}")]
        # As ldd does, but by the packages' own loader: what they lack would be found on
        # this machine.
        command = [loader, "--library-path", ":".join(places), "--list", program]
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found = {Path(each) for each in re.findall(r"=> (/\S+) \(0x", listed)}
        if foreign := [str(each) for each in found if not each.is_relative_to(self.folder)]:
            sys.exit(f"{program.name} needs what is in no package: {', '.join(foreign)}")
        within = {f"/{each.relative_to(self.folder)}": each for each in found}
        return within | {f"/lib64/{LOADER}": loader}


def _with_libraries(names: Sequence[str]) -> list[str]:
    """The packages, and the libraries among what they depend on, and theirs."""
    shown = _apt("apt-cache", "depends", "--important", "--recurse", *names)
    dependencies: dict[str, list[str]] = {}
    package = ""
    for line in shown.splitlines():
        if match := re.fullmatch(r"  (?:Pre)?Depends: ([a-z0-9.+-]+)", line):
            dependencies[package].append(match[1])
        elif not line.startswith(" "):
            package = line
            dependencies[package] = []
    found = list(names)
    for name in found:
        for each in dependencies.get(name, ()):
            library = each.startswith(("lib", "zlib")) and not each.startswith(NOT_WANTED)
            if library and each not in found:
                found.append(each)
    return found


def _fetch(folder: Path, names: Collection[str]) -> None:
    """Have the archive of each package in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [name for name in names if not any(folder.glob(f"{name}_*.deb"))]
    if missing:
        _apt("apt-get", "download", "-qq", *missing, folder=folder)


def _apt(*command: str, folder: Path | None = None) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    except FileNotFoundError:
        sys.exit(f"{command[0]} is missing: these images are made of Debian's packages")
    if done.returncode != 0:
        sys.exit(f"{command[0]} {command[1]}: is `apt-get update` due?\n{done.stderr}")
    return done.stdout
