"""What a variant's command is, which is no image: its program's kind and its own bytes."""

from pathlib import Path
from typing import BinaryIO

from headstart.agent.image.binary import Program, recognise
from headstart.agent.image.tree import text_of
from headstart.agent.linux.paths import is_file
from headstart.agent.untrusted import open_file
from headstart.v1.records_pb2 import ImageFacts, ResolvedVariant


def command_facts(variant: ResolvedVariant) -> ImageFacts:
    """No layers and no whole: the rest of the host is not part of the command.

    Its own bytes are those of the one file that holds the app (program, assembly, jar or
    script): what else in a host's folder belongs to it cannot be known.
    """
    program = Program(variant.argv, variant.environment.get("PATH", ""), variant.working_directory)
    binary = recognise(HostFiles(), program)
    facts = ImageFacts(
        variant=variant.variant,
        digest=variant.digest,
        binary_kind=binary.kind,
        binary_path=text_of(binary.path),
        binary_detail=text_of(binary.detail),
    )
    if binary.problem:
        facts.notes.append(
            f"what kind of program it starts is not known: {text_of(binary.problem)}"
        )
    own = Path(binary.own) if binary.own else None
    if own is not None and is_file(own):
        symbols = binary.symbol_bytes if binary.own == binary.path else 0
        facts.own_bytes = own.stat().st_size - symbols
        facts.symbol_bytes = symbols
    return facts


class HostFiles:
    """See `binary.Files`."""

    def resolve(self, path: str) -> str | None:
        """See `binary.Files`."""
        try:
            real = Path(path).resolve()
            return str(real) if real.is_file() else None
        except (OSError, ValueError, RuntimeError):
            return None

    def open(self, path: str) -> BinaryIO:
        """See `binary.Files`."""
        return open_file(path)
