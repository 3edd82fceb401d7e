"""What kind of program a variant runs, found by reading headers of its files.

Nothing is executed. A launcher (java, dotnet, mono, an interpreter) is looked through to
what it is given; a shell script is not: what it starts cannot be known without running it.
"""

import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import BinaryIO, Protocol

from headstart.agent.image import elf as elf_files, pe as pe_files
from headstart.agent.image.bundle import Malformed, read_bundle
from headstart.agent.image.elf import Elf, NotElf, read_elf
from headstart.agent.image.pe import Managed, read_pe
from headstart.v1.records_pb2 import BinaryKind


class Files(Protocol):
    """The files that a program sees: an image's or a host's. Paths are absolute."""

    def resolve(self, path: str) -> str | None:
        """The real path of the regular file that this one leads to; None: there is none."""

    def open(self, path: str) -> BinaryIO:
        """Its content, seekable; OSError when it cannot be had. Close it."""


@dataclass(frozen=True)
class Program:
    """How a program is called."""

    argv: Sequence[str]
    search_path: str
    working_directory: str


@dataclass(frozen=True)
class Binary:
    """`path`: the file that the kind was read from. `own`: the app's own, where it is another."""

    kind: BinaryKind.ValueType = BinaryKind.BINARY_KIND_UNSPECIFIED
    path: str = ""
    detail: str = ""
    # Sections of the file that no program needs to run.
    symbol_bytes: int = 0
    own: str = ""
    # Why there is no kind, as a sentence.
    problem: str = ""


# Sections that only Native AOT writes: its code, its unwinding data. Names of the object
# writer (Objects/ObjectWriter); `strip` keeps them.
_NATIVE_AOT = {"__managedcode", ".managed", ".dotnet_eh_table"}
# Of SubstrateVM: the image heap (section) and its version (dynamic symbol).
_GRAALVM_SECTION, _GRAALVM_SYMBOL = ".svm_heap", b"__svm_version_info\0"
# Of the snapshot that gen_snapshot writes; and what ends a program made by `dart compile
# exe`: the snapshot's place and a mark (runtime/bin/snapshot_utils.cc, dartutils.cc).
_DART_SYMBOL = b"_kDartVmSnapshotData\0"
_DART_END = b"\xdc\xdc\xf6\xf6\0\0\0\0"

_WRAPPERS = {"env", "tini", "tini-static", "dumb-init", "docker-init", "catatonit"}
_SHELLS = {"sh", "bash", "dash", "ash", "busybox"}
_INTERPRETERS = re.compile(r"(python|node|nodejs|ruby|perl|php|lua|deno|bun)[\d.]*")
_ASSIGNMENT = re.compile(r"\w+=")


def recognise(files: Files, program: Program) -> Binary:
    """Never raises for what the files are; a file that cannot be read is a problem."""
    argv = _unwrapped(list(program.argv))
    if not argv:
        return Binary(problem="it has nothing to run")
    path = _find(files, argv[0], program)
    if path is None:
        return Binary(problem=f"its program {argv[0]} was not found")
    try:
        return _recognise(files, path, argv, program)
    except OSError as error:
        return Binary(path=path, problem=f"{path} could not be read: {error.strerror or error}")


def _recognise(files: Files, path: str, argv: list[str], program: Program) -> Binary:
    with files.open(path) as file:
        head = file.read(512)
        if head[:2] == b"#!":
            interpreter = _interpreter(head)
            return Binary(BinaryKind.BINARY_KIND_SCRIPT, path, interpreter, own=path)
        if head[:2] == pe_files.MAGIC:
            return _managed(read_pe(file), path)
        if head[:4] != elf_files.MAGIC:
            return Binary(path=path, problem=f"{path} is of no kind that is known")
        try:
            found = read_elf(file)
        except NotElf as error:
            return Binary(path=path, problem=f"{path} is a malformed ELF file ({error})")
        native = Binary(_native(found, file), path, symbol_bytes=found.symbol_bytes, own=path)
        if native.kind != BinaryKind.BINARY_KIND_DYNAMIC_NATIVE:
            return native
        name = posixpath.basename(path)
        launched = _launched(files, {name, posixpath.basename(argv[0])}, argv, program)
        if launched is not None:
            return launched if launched.path else replace(launched, path=path)
        return _apphost(files, file, path) or native


def _native(elf: Elf, file: BinaryIO) -> BinaryKind.ValueType:
    if elf.sections & _NATIVE_AOT:
        return BinaryKind.BINARY_KIND_NATIVE_AOT
    if _GRAALVM_SECTION in elf.sections or _GRAALVM_SYMBOL in elf.dynamic_names:
        return BinaryKind.BINARY_KIND_GRAALVM_NATIVE
    file.seek(-len(_DART_END), 2)
    if _DART_SYMBOL in elf.dynamic_names or file.read(len(_DART_END)) == _DART_END:
        return BinaryKind.BINARY_KIND_DART_AOT
    if elf.interpreted:
        return BinaryKind.BINARY_KIND_DYNAMIC_NATIVE
    return BinaryKind.BINARY_KIND_STATIC_NATIVE


def _launched(files: Files, names: set[str], argv: list[str], program: Program) -> Binary | None:
    """What a launcher of this name is told to run; None when it is no launcher."""
    if "java" in names:
        return _java(files, argv, program)
    if "dotnet" in names:
        return _assembly(files, _first(argv, lambda a: a.endswith((".dll", ".exe"))), program)
    if any(re.fullmatch(r"mono(-\w+)?", name) for name in names):
        return _mono(files, _first(argv, lambda a: a.endswith((".exe", ".dll"))), program)
    if "dartaotruntime" in names:
        snapshot = _find_file(files, _first(argv, lambda a: not a.startswith("-")), program)
        return Binary(BinaryKind.BINARY_KIND_DART_AOT, snapshot or "", own=snapshot or "")
    for name in names:
        if name in _SHELLS or _INTERPRETERS.fullmatch(name):
            script = _find_file(files, _first(argv, lambda a: not a.startswith("-")), program)
            return Binary(BinaryKind.BINARY_KIND_SCRIPT, script or "", name, own=script or "")
    return None


def _java(files: Files, argv: list[str], program: Program) -> Binary:
    """A Java VM; its own files begin where its jar or its class path does."""
    named = ""
    for option, value in pairwise(argv):
        if option in ("-jar", "-cp", "-classpath", "--class-path", "-p", "--module-path"):
            named = value if option == "-jar" else value.split(":")[0].rstrip("*@")
            break
    own = posixpath.join(program.working_directory or "/", named) if named else ""
    return Binary(BinaryKind.BINARY_KIND_JVM, own=files.resolve(own) or own if own else "")


def _assembly(files: Files, name: str, program: Program) -> Binary:
    path = _find_file(files, name, program)
    if path is None:
        return Binary(problem=f"the assembly {name or 'that it runs'} was not found")
    with files.open(path) as file:
        return _managed(read_pe(file), path)


def _managed(managed: Managed, path: str) -> Binary:
    if managed is Managed.NONE:
        return Binary(path=path, problem=f"{path} holds no .NET code")
    kind = (
        BinaryKind.BINARY_KIND_READY_TO_RUN
        if managed is Managed.READY_TO_RUN
        else BinaryKind.BINARY_KIND_IL
    )
    return Binary(kind, path, own=path)


def _mono(files: Files, name: str, program: Program) -> Binary:
    """Mono loads ASSEMBLY.so, made by `mono --aot`, in place of compiling."""
    found = _assembly(files, name, program)
    library = files.resolve(f"{found.path}.so") if found.path else None
    if found.kind == BinaryKind.BINARY_KIND_IL and library is not None:
        return replace(found, kind=BinaryKind.BINARY_KIND_MONO_AOT, path=library)
    return found


def _apphost(files: Files, file: BinaryIO, path: str) -> Binary | None:
    """A program that `dotnet publish` put before an assembly beside it, or within it."""
    beside = files.resolve(f"{path}.dll")
    if beside is not None:
        with files.open(beside) as assembly:
            found = _managed(read_pe(assembly), beside)
        if found.kind:
            return found
    try:
        within = read_bundle(file, posixpath.basename(path))
    except Malformed as error:
        return Binary(path=path, problem=f"{path} is a malformed .NET bundle ({error})")
    if within is Managed.NONE:
        return None
    return replace(_managed(within, path), detail="single file")


def _unwrapped(argv: list[str]) -> list[str]:
    """Without programs that only start another one."""
    while argv and posixpath.basename(argv[0]) in _WRAPPERS:
        del argv[0]
        while argv and (argv[0].startswith("-") or _ASSIGNMENT.match(argv[0])):
            del argv[0]
    return argv


def _interpreter(head: bytes) -> str:
    """The program's name in `#!/usr/bin/env -S python3 -u`."""
    words = head[2:].split(b"\n")[0].decode("utf-8", "replace").split()
    names = [posixpath.basename(word) for word in words if not word.startswith("-")]
    return next((name for name in names if name not in _WRAPPERS), "")[:64]


def _first(argv: list[str], fits: Callable[[str], bool]) -> str:
    return next((argument for argument in argv[1:] if fits(argument)), "")


def _find_file(files: Files, name: str, program: Program) -> str | None:
    if not name:
        return None
    return files.resolve(posixpath.join(program.working_directory or "/", name))


def _find(files: Files, name: str, program: Program) -> str | None:
    """As execvp looks for a program."""
    if "/" in name:
        return _find_file(files, name, program)
    return next(filter(None, map(files.resolve, _candidates(name, program.search_path))), None)


def _candidates(name: str, search_path: str) -> Iterator[str]:
    default = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    for folder in (search_path or default).split(":"):
        yield posixpath.join(folder or "/", name)
