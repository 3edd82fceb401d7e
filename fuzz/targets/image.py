"""Images and the files in them: whoever builds one decides about each byte."""

import io
import tempfile
from collections.abc import Iterator
from typing import BinaryIO

from fuzz.target import Table, require
from headstart.agent.image.binary import Program, recognise
from headstart.agent.image.bundle import Malformed, read_bundle
from headstart.agent.image.elf import NotElf, read_elf
from headstart.agent.image.pe import read_pe
from headstart.agent.image.saved import read_saved
from headstart.agent.image.sizes import looks_like_scratch, own_bytes
from headstart.agent.image.tar_stream import Budget, ByteStream, TarFault, members
from headstart.agent.image.tree import Tree

TABLE = Table()
_BUDGET_BYTES, _MEMBERS = 4 << 20, 2000


def _budget() -> Budget:
    return Budget(maximum_bytes=_BUDGET_BYTES, maximum_members=_MEMBERS, maximum_seconds=3.0)


@TABLE.add("an image, or a host's command", NotElf, most_bytes=16384)
def elf(data: bytes) -> None:
    read_elf(io.BytesIO(data))


@TABLE.add("an image, or a host's command")
def pe(data: bytes) -> None:
    read_pe(io.BytesIO(data))


@TABLE.add("an image, or a host's command", Malformed)
def dotnet_bundle(data: bytes) -> None:
    read_bundle(io.BytesIO(data), "app")


class _Files:
    """A file system in which every name is the same file."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def resolve(self, path: str) -> str | None:
        return path

    def open(self, _path: str) -> BinaryIO:
        # A real one: io.BytesIO raises other errors for places that are not there.
        file = tempfile.TemporaryFile()  # noqa: SIM115  # the reader closes it
        file.write(self._data)
        file.seek(0)
        return file


@TABLE.add("an image, or a host's command", most_bytes=16384)
def program_kind(data: bytes) -> None:
    for argv in (("/app/app",), ("/usr/bin/dotnet", "app.dll"), ("env", "-S", "mono", "a.exe")):
        recognise(_Files(data), Program(argv, "", "/"))


@TABLE.add("an image, as the engine hands it on", TarFault, most_bytes=16384)
def tar(data: bytes) -> None:
    for member in members(ByteStream(_pieces(data)), _budget()):
        read = sum(len(piece) for piece in member.content)
        require(read <= member.size, "a member gives more than it has")


@TABLE.add("an image, as the engine hands it on", TarFault, most_bytes=32768)
def saved_image(data: bytes) -> None:
    tree = Tree()
    for layer in read_saved(_pieces(data), _budget(), {}):
        tree.add_layer(layer.entries)
    looks_like_scratch(tree)
    binary = recognise(_Files(b"#!/bin/sh\n"), Program(("/app/app",), "", "/"))
    own_bytes(tree, binary, "/app")


def _pieces(data: bytes) -> Iterator[bytes]:
    for at in range(0, len(data), 700):
        yield data[at : at + 700]
