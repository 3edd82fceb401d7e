"""What a command is, which is no image."""

import sys
from pathlib import Path

from headstart.agent.image.command import command_facts
from headstart.v1.records_pb2 import BinaryKind, ResolvedVariant


def test_a_script_is_its_own_file_and_no_image(tmp_path: Path) -> None:
    (tmp_path / "server.py").write_text("print('hello')\n")
    variant = ResolvedVariant(
        variant="v",
        digest="sha256:1",
        argv=[sys.executable, "-u", "server.py"],
        working_directory=str(tmp_path),
    )
    found = command_facts(variant)

    assert found.binary_kind == BinaryKind.BINARY_KIND_SCRIPT
    assert found.binary_path == str(tmp_path / "server.py")
    assert found.binary_detail.startswith("python")
    assert found.own_bytes == 15
    assert (found.unpacked_bytes, len(found.layers), found.base) == (0, 0, "")


def test_what_is_no_program_is_a_note(tmp_path: Path) -> None:
    (tmp_path / "server").write_bytes(b"hello")
    found = command_facts(ResolvedVariant(variant="v", argv=[str(tmp_path / "server")]))

    assert (found.binary_kind, found.own_bytes) == (0, 0)
    assert "of no kind that is known" in found.notes[0]


def test_a_name_that_is_no_utf8_breaks_no_record(tmp_path: Path) -> None:
    program = tmp_path / "server-\udcff"
    program.write_bytes(b"#!/bin/odd-\xff\n")
    link = tmp_path / "server"
    link.symlink_to(program)
    found = command_facts(ResolvedVariant(variant="v", argv=[str(link)]))

    assert found.binary_kind == BinaryKind.BINARY_KIND_SCRIPT
    assert found.binary_path == f"{tmp_path}/server-?"
