"""What kind of program is called, told from headers of its files."""

import io
import posixpath
import subprocess
from pathlib import Path
from typing import BinaryIO

import pytest

from headstart.agent.image.binary import Binary, Program, recognise
from headstart.agent.image.command import HostFiles
from headstart.v1.records_pb2 import BinaryKind
from support.binaries import IL, READY_TO_RUN, bundle, elf, pe

NATIVE = elf(interpreted=True)
AOT = elf({".text": b"1", "__managedcode": b"2", ".dotnet_eh_table": b"3"}, interpreted=True)


class Fake:
    """Files by path; links are absolute paths in text."""

    def __init__(self, files: dict[str, bytes | str]) -> None:
        self.files = files

    def resolve(self, path: str) -> str | None:
        path = posixpath.normpath(path)
        found = self.files.get(path)
        return (
            self.resolve(found) if isinstance(found, str) else path if found is not None else None
        )

    def open(self, path: str) -> BinaryIO:
        found = self.files[path]
        assert isinstance(found, bytes)
        return io.BytesIO(found)


def found(files: dict[str, bytes | str], *argv: str, cwd: str = "/app") -> Binary:
    return recognise(Fake(files), Program(argv, "/usr/local/bin:/usr/bin", cwd))


def kind(binary: Binary) -> str:
    return BinaryKind.Name(binary.kind).removeprefix("BINARY_KIND_")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (AOT, "NATIVE_AOT"),
        (elf({".managed": b"", "__modules": b""}), "NATIVE_AOT"),
        (elf({".svm_heap": b"1"}, interpreted=True), "GRAALVM_NATIVE"),
        (elf(dynamic_names=b"\0__svm_version_info\0", interpreted=True), "GRAALVM_NATIVE"),
        (elf(dynamic_names=b"\0_kDartVmSnapshotData\0"), "DART_AOT"),
        (elf(interpreted=True, end=bytes(8) + b"\xdc\xdc\xf6\xf6\0\0\0\0"), "DART_AOT"),
        (elf({".text": b"1"}), "STATIC_NATIVE"),
        (NATIVE, "DYNAMIC_NATIVE"),
        (IL, "IL"),
        (READY_TO_RUN, "READY_TO_RUN"),
        (pe(native_header=b"NGEN", wide=True), "IL"),
        (b"#!/usr/bin/env -S python3 -u\nprint()", "SCRIPT"),
    ],
    ids=[
        "aot",
        "aot .NET 7",
        "graal section",
        "graal symbol",
        "dart snapshot",
        "dart exe",
        "static",
        "dynamic",
        "il",
        "r2r",
        "native header of another kind",
        "script",
    ],
)
def test_a_program_is_what_its_headers_say(content: bytes, expected: str) -> None:
    binary = found({"/app/server": content}, "/app/server")

    assert kind(binary) == expected
    assert (binary.path, binary.own, binary.problem) == ("/app/server", "/app/server", "")


@pytest.mark.parametrize(
    ("files", "argv", "expected", "path", "own"),
    [
        (
            {"/usr/bin/dotnet": NATIVE, "/app/a.dll": READY_TO_RUN},
            ["dotnet", "a.dll"],
            "READY_TO_RUN",
            "/app/a.dll",
            "/app/a.dll",
        ),
        (
            {"/usr/bin/dotnet": NATIVE, "/app/a.dll": IL},
            ["dotnet", "exec", "--roll-forward", "Major", "/app/a.dll", "b.dll"],
            "IL",
            "/app/a.dll",
            "/app/a.dll",
        ),
        ({"/app/a": NATIVE, "/app/a.dll": IL}, ["./a"], "IL", "/app/a.dll", "/app/a.dll"),
        (
            {"/usr/bin/java": "/jdk/bin/java", "/jdk/bin/java": NATIVE, "/app/a.jar": b"PK"},
            ["java", "-Xmx1g", "-jar", "a.jar"],
            "JVM",
            "/jdk/bin/java",
            "/app/a.jar",
        ),
        (
            {"/jdk/bin/java": NATIVE},
            ["/jdk/bin/java", "-cp", "/app/classes:/app/lib/*", "Main"],
            "JVM",
            "/jdk/bin/java",
            "/app/classes",
        ),
        (
            {"/usr/bin/mono-sgen": NATIVE, "/app/a.exe": IL, "/app/a.exe.so": NATIVE},
            ["/usr/bin/mono-sgen", "--full-aot", "a.exe"],
            "MONO_AOT",
            "/app/a.exe.so",
            "/app/a.exe",
        ),
        (
            {"/usr/bin/mono": NATIVE, "/app/a.exe": IL},
            ["mono", "a.exe"],
            "IL",
            "/app/a.exe",
            "/app/a.exe",
        ),
        (
            {"/usr/bin/python3": "/usr/bin/python3.11", "/usr/bin/python3.11": NATIVE}
            | {"/app/s.py": b"print()"},
            ["python3", "-u", "s.py"],
            "SCRIPT",
            "/app/s.py",
            "/app/s.py",
        ),
        (
            {"/usr/bin/dartaotruntime": NATIVE, "/app/s.aot": elf()},
            ["dartaotruntime", "s.aot"],
            "DART_AOT",
            "/app/s.aot",
            "/app/s.aot",
        ),
        (
            {"/sbin/tini": NATIVE, "/app/server": AOT},
            ["/sbin/tini", "-g", "--", "/usr/bin/env", "A=B", "/app/server"],
            "NATIVE_AOT",
            "/app/server",
            "/app/server",
        ),
    ],
    ids=[
        "dotnet",
        "dotnet exec",
        "apphost",
        "jar",
        "class path",
        "mono aot",
        "mono",
        "python",
        "dart",
        "wrapped",
    ],
)
def test_launchers_are_looked_through(
    files: dict[str, bytes | str], argv: list[str], expected: str, path: str, own: str
) -> None:
    binary = found(files, *argv)

    assert (kind(binary), binary.path, binary.own) == (expected, path, own)
    assert binary.problem == ""


def test_an_aot_program_that_is_called_java_is_no_java_vm() -> None:
    assert kind(found({"/usr/bin/java": AOT}, "java")) == "NATIVE_AOT"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (bundle({"lib.dll": IL, "server.dll": READY_TO_RUN}), "READY_TO_RUN"),
        (bundle({"server.dll": IL, "lib.dll": READY_TO_RUN}), "IL"),
        (bundle({"server.dll": READY_TO_RUN}, compressed=True), "IL"),
        (bundle({"renamed.dll": READY_TO_RUN}), "IL"),
    ],
    ids=["r2r", "il", "compressed", "renamed"],
)
def test_a_single_file_holds_managed_code(content: bytes, expected: str) -> None:
    binary = found({"/app/server": content}, "/app/server")

    assert (kind(binary), binary.detail) == (expected, "single file")


def test_symbols_are_what_strip_would_take() -> None:
    content = elf({".text": bytes(50), ".debug_info": bytes(1000)}, symbols=bytes(300))

    assert found({"/app/s": content}, "/app/s").symbol_bytes == 1600


@pytest.mark.parametrize(
    ("files", "argv", "problem"),
    [
        ({}, ["/app/none"], "its program /app/none was not found"),
        ({}, [], "it has nothing to run"),
        ({"/app/s": b"hello"}, ["/app/s"], "/app/s is of no kind that is known"),
        ({"/app/s": b""}, ["/app/s"], "/app/s is of no kind that is known"),
        ({"/app/s": b"\x7fELF\x02\x01"}, ["/app/s"], "/app/s is a malformed ELF file"),
        ({"/app/s": pe(managed=False)}, ["/app/s"], "/app/s holds no .NET code"),
        ({"/usr/bin/dotnet": NATIVE}, ["dotnet", "a.dll"], "the assembly a.dll was not found"),
        ({"/usr/bin/dotnet": NATIVE}, ["dotnet", "run"], "that it runs was not found"),
    ],
)
def test_what_is_not_known_is_said(
    files: dict[str, bytes | str], argv: list[str], problem: str
) -> None:
    binary = found(files, *argv)

    assert kind(binary) == "UNSPECIFIED"
    assert problem in binary.problem


@pytest.mark.parametrize("content", [AOT, IL, READY_TO_RUN, bundle({"s.dll": IL})])
def test_no_damage_to_a_header_breaks_the_reader(content: bytes) -> None:
    head = min(len(content), 420)
    for at in range(2, head):
        for value in (0, 0x7F, 0xFF):
            damaged = content[:at] + bytes([value]) * 4 + content[at + 4 :]
            found({"/app/s": damaged}, "/app/s")
    for end in range(2, len(content)):
        found({"/app/s": content[:end]}, "/app/s")


@pytest.mark.compiler
def test_programs_of_this_host(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text("int main(void) { return 0; }")
    for name, flags in (("dynamic", []), ("static", ["-static"]), ("stripped", ["-static", "-s"])):
        subprocess.run(["gcc", *flags, "-o", name, "a.c"], cwd=tmp_path, check=True)

    kinds, symbols = {}, {}
    for name in ("dynamic", "static", "stripped"):
        binary = recognise(HostFiles(), Program([f"./{name}"], "", str(tmp_path)))
        kinds[name], symbols[name] = kind(binary), binary.symbol_bytes
    assert kinds == {
        "dynamic": "DYNAMIC_NATIVE",
        "static": "STATIC_NATIVE",
        "stripped": "STATIC_NATIVE",
    }
    size = {name: (tmp_path / name).stat().st_size for name in ("static", "stripped")}
    # What strip took away, but for names of sections and padding.
    assert abs(size["static"] - size["stripped"] - symbols["static"]) < 2000
    assert symbols["stripped"] == 0
