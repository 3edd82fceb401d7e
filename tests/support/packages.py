"""What is released, built of this checkout, and environments to install it into.

An environment has no packages but those that an extra asks for. They are linked to those
beside the interpreter of the tests: the same files, without minutes of unpacking.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

from support.running import Ran

ROOT = Path(__file__).parents[2]


def git(folder: Path, *arguments: str) -> str:
    """What git says in a checkout."""
    return subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True
    ).stdout


def files_of(checkout: Path) -> set[str]:
    """Each file that a commit of everything would have."""
    names = git(checkout, "ls-files", "-z", "-c", "-o", "--exclude-standard").split("\0")
    return {name for name in names if name and (checkout / name).is_file()}


def checkout(folder: Path) -> Path:
    """A clone of this checkout, with what was changed in it since its commit."""
    git(ROOT, "clone", "--quiet", "--shared", str(ROOT), str(folder))
    changed = git(ROOT, "ls-files", "-z", "-m", "-o", "--exclude-standard").split("\0")
    for name in filter(None, changed):
        copy = folder / name
        if (ROOT / name).is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy)
        else:
            copy.unlink(missing_ok=True)
    return folder


def build(source: Path, target: str, into: Path, umask: int = 0o022) -> Path:
    """Build a "wheel" or a "sdist" into a folder that has none; its path."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(into)]
    done = subprocess.run(
        command, cwd=source, capture_output=True, text=True, umask=umask, check=False
    )
    assert done.returncode == 0, done.stderr
    (built,) = into.glob("*.whl" if target == "wheel" else "*.tar.gz")
    return built


@dataclass(frozen=True)
class Installed:
    """An environment in which a package is installed."""

    folder: Path

    @property
    def site(self) -> Path:
        """Where its packages are."""
        names = {"base": str(self.folder), "platbase": str(self.folder)}
        return Path(sysconfig.get_path("purelib", vars=names))

    def run(self, *arguments: str, folder: Path) -> Ran:
        """Its command `headstart`, in a folder."""
        done = subprocess.run(
            [self.folder / "bin/headstart", *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd=folder,
            env={
                "PATH": "/usr/bin:/bin",
                "HOME": str(folder),
                "HEADSTART_RUN_IF_BUSY": os.environ["HEADSTART_RUN_IF_BUSY"],
            },
        )
        return Ran(done.returncode, done.stdout, done.stderr)


def install(wheel: Path, folder: Path, *extras: str) -> Installed:
    """A new environment with the wheel, what it requires, and what each of `extras` does."""
    venv.create(folder, symlinks=True, with_pip=False)
    made = Installed(folder)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin/python"), "install"]
    offline = ["--quiet", "--no-index", "--no-deps", "--no-compile"]
    subprocess.run([*pip, *offline, str(wheel)], check=True)
    (own,) = Distribution.discover(name="headstart", path=[str(made.site)])
    for each in _required(own, extras):
        _link(each, made.site)
    return made


def _required(of: Distribution, extras: Iterable[str]) -> Iterator[Distribution]:
    """What a package requires, and what that does, each once."""
    waiting, seen = [(of, frozenset(extras))], set()
    while waiting:
        package, wanted = waiting.pop()
        for text in package.requires or ():
            need = Requirement(text)
            if need.marker and not any(
                need.marker.evaluate({"extra": extra}) for extra in wanted or {""}
            ):
                continue
            # An extra that is made of others: headstart[collector,dashboards].
            found = of if need.name == of.name else distribution(need.name)
            if (key := (need.name, frozenset(need.extras))) not in seen:
                seen.add(key)
                waiting.append((found, frozenset(need.extras)))
                if found is not of:
                    yield found


def _link(package: Distribution, site: Path) -> None:
    tops = {file.parts[0] for file in package.files or ()} - {"..", "__pycache__"}
    for top in tops:
        if not (site / top).exists():
            (site / top).symlink_to(Path(str(package.locate_file(top))))
