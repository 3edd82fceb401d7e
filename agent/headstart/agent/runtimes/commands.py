"""What a variant's command means on this host: its program, environment and digest."""

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from headstart.agent.cancellation import Cancellation
from headstart.agent.linux.paths import is_file, is_folder
from headstart.agent.untrusted import open_file
from headstart.v1.experiment_pb2 import Variant
from headstart.v1.records_pb2 import Failure, FailureCode, ResolvedVariant

# A file may be of any size: between two pieces the run can be cancelled.
_PIECE_BYTES = 1 << 20
# All files of a command together: a sparse one of a terabyte would take a quarter of an hour.
_MAXIMUM_BYTES = 64 << 30

Signature = tuple[int, int, int]


@dataclass(frozen=True)
class ResolvedCommand:
    """`files`: those that the digest was taken of, by which a later change is noticed."""

    variant: ResolvedVariant
    files: Mapping[Path, Signature]


def resolve_command(
    variant: Variant,
    base_directory: str,
    inherited: Mapping[str, str],
    cancelled: Cancellation | None = None,
) -> ResolvedCommand:
    """The argument vector with its program found, the whole environment, the digest.

    Of the agent's environment (`inherited`) only what a program cannot do
    without is passed on, so that a shell's settings do not get into a figure.
    The digest is the SHA-256 over the program and every file that its arguments
    name (`app.jar`, `-XX:AOTCache=app.aot`): for `java -jar app.jar` the
    program alone says nothing. Cancelled when the run is meanwhile.
    """
    argv = list(variant.command.argv)
    folder = Path(variant.command.working_directory or base_directory or "/")
    environment = {
        "PATH": inherited.get("PATH", os.defpath),
        "HOME": inherited.get("HOME", "/"),
        "LANG": "C.UTF-8",
        **variant.environment,
    }
    resolved = ResolvedVariant(
        variant=variant.name,
        argv=argv,
        environment=environment,
        working_directory=str(folder),
    )
    if reason := _why_not(argv, folder):
        return _failed(resolved, reason)
    program = find_program(argv[0], folder, environment["PATH"])
    if program is None:
        where = folder if "/" in argv[0] else f"PATH ({environment['PATH']})"
        return _failed(resolved, f"no program {argv[0]} that can be executed in {where}")
    resolved.argv[0] = str(program)
    files = [program, *named_files(argv[1:], folder)]
    try:
        resolved.digest = digest_of(files, cancelled or Cancellation())
        return ResolvedCommand(resolved, {file: signature(file) for file in files})
    except OSError as error:
        return _failed(resolved, f"{error.filename} cannot be read: {error.strerror}")


def _why_not(argv: list[str], folder: Path) -> str | None:
    if not argv or not argv[0]:
        return "its command is empty"
    if not is_folder(folder):
        return f"its working directory {folder} does not exist, or may not be entered"
    return None


def _failed(resolved: ResolvedVariant, reason: str) -> ResolvedCommand:
    resolved.failure.CopyFrom(
        Failure(
            code=FailureCode.FAILURE_CODE_DOES_NOT_START,
            message=f"{resolved.variant} cannot be started: {reason}",
        )
    )
    return ResolvedCommand(resolved, {})


def find_program(name: str, folder: Path, search_path: str) -> Path | None:
    """The file to execute, absolute; links are kept, since programs look at their own name."""
    if "/" in name:
        program = folder / name
        usable = is_file(program) and os.access(program, os.X_OK)
        return Path(os.path.normpath(program)) if usable else None
    found = shutil.which(name, path=search_path)
    return folder / found if found else None


def named_files(arguments: list[str], folder: Path) -> Iterator[Path]:
    """Files among the arguments: as a whole, after '=', or in a list with colons."""
    seen: set[Path] = set()
    for argument in arguments:
        value = argument.partition("=")[2]
        for name in (argument, value, *value.split(":"), *argument.split(":")):
            file = folder / name
            if name and file not in seen and is_file(file):
                seen.add(file)
                yield file


def digest_of(files: list[Path], cancelled: Cancellation) -> str:
    """SHA-256 of the only file, or of the SHA-256 of each in order."""
    digests = []
    total = 0
    for path in files:
        digest = hashlib.sha256()
        with open_file(path) as file:
            # One that grows is taken as it was when it was opened.
            left = os.fstat(file.fileno()).st_size
            total += left
            if total > _MAXIMUM_BYTES:
                raise OSError(errno.EFBIG, f"more than {_MAXIMUM_BYTES >> 30} GiB to read", path)
            while left and (piece := file.read(min(left, _PIECE_BYTES))):
                cancelled.raise_if_set()
                digest.update(piece)
                left -= len(piece)
        digests.append(digest)
    if len(digests) == 1:
        return f"sha256:{digests[0].hexdigest()}"
    return f"sha256:{hashlib.sha256(b''.join(each.digest() for each in digests)).hexdigest()}"


def signature(file: Path) -> Signature:
    """Changes when the file is written or replaced; costs no reading of it."""
    status = file.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def changed_file(files: Mapping[Path, Signature]) -> Path | None:
    """The first file that is no longer what it was."""
    for file, before in files.items():
        try:
            same = signature(file) == before
        except OSError:
            same = False
        if not same:
            return file
    return None
