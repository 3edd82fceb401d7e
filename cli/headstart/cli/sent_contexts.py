"""The contexts of builds that `submit` packs and sends, so that no host needs the folders."""

import errno
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from headstart.agent.builds.context_archive import CannotBeSent, Packed, pack_archive
from headstart.cli.errors import InputError
from headstart.collector.experiments.file import (
    ExperimentProblems,
    format_problem,
    load_experiment,
    placed,
)
from headstart.v1.experiment_pb2 import BUILDER_BUILDKIT, BUILDER_CLASSIC, Build, ContextArchive
from headstart.v1.experiments_pb2 import (
    FindContextsRequest,
    SendContextRequest,
    SubmitRequest,
)
from headstart.v1.experiments_pb2_grpc import ExperimentsServiceStub

_PIECE_BYTES = 512 * 1024
_ON_HOST = "'context_on_host: true' says that it is a folder of each host"


@dataclass
class PackedContexts:
    """What was packed of a file's builds."""

    by_variant: dict[str, Packed] = field(default_factory=dict)
    files: dict[str, IO[bytes]] = field(default_factory=dict)
    # Those that the collector did not have.
    sent: set[str] = field(default_factory=set)

    def send(self, stub: ExperimentsServiceStub, request: SubmitRequest) -> None:
        """Send what the collector lacks, and say in the request which they are. InputError."""
        if not self.by_variant:
            return
        found = stub.FindContexts(FindContextsRequest(sha256=list(self.files)))
        self._require_size(found.most_stored_bytes, found.most_tar_bytes)
        for sha256 in found.missing:
            stub.SendContext(self._messages(sha256))
            self.sent.add(sha256)
        for name, packed in self.by_variant.items():
            request.contexts[name].CopyFrom(_archive(packed))

    def _messages(self, sha256: str) -> Iterator[SendContextRequest]:
        packed = next(each for each in self.by_variant.values() if each.sha256 == sha256)
        yield SendContextRequest(archive=_archive(packed))
        file = self.files[sha256]
        file.seek(0)
        while piece := file.read(_PIECE_BYTES):
            yield SendContextRequest(piece=piece)

    def _require_size(self, most_stored_bytes: int, most_tar_bytes: int) -> None:
        for names, packed in self._by_archive():
            if packed.stored_bytes <= most_stored_bytes and packed.tar_bytes <= most_tar_bytes:
                continue
            largest = ", ".join(f"{name} ({_size(size)})" for size, name in packed.largest)
            raise InputError(
                f"the context of {names} has {_size(packed.stored_bytes)} as it is sent and"
                f" unpacks to {_size(packed.tar_bytes)}; the collector takes"
                f" {_size(most_stored_bytes)} and {_size(most_tar_bytes)} (its --context-bytes)",
                f"the largest files: {largest}; leave out in .dockerignore what the build does"
                " not need",
            )

    def _by_archive(self) -> Iterator[tuple[str, Packed]]:
        """Names of the variants, and what they are built from."""
        for sha256 in self.files:
            names = [name for name, each in self.by_variant.items() if each.sha256 == sha256]
            yield ", ".join(names), self.by_variant[names[0]]

    def lines(self) -> Iterator[str]:
        """What was sent, for a person."""
        for names, packed in self._by_archive():
            how = "sent" if packed.sha256 in self.sent else "the collector has it"
            entries = "file or folder" if packed.entries == 1 else "files and folders"
            yield (
                f"context of {names}: {packed.entries:,} {entries}, {_size(packed.tar_bytes)},"
                f" sha256:{packed.sha256} ({how})"
            )

    def as_json(self) -> dict[str, dict[str, object]]:
        """By variant."""
        return {
            name: {
                "sha256": packed.sha256,
                "stored_bytes": packed.stored_bytes,
                "tar_bytes": packed.tar_bytes,
                "entries": packed.entries,
                "sent": packed.sha256 in self.sent,
            }
            for name, packed in self.by_variant.items()
        }


@contextmanager
def packed_contexts(request: SubmitRequest) -> Iterator[PackedContexts]:
    """Pack what the builds of a file need, in files without names. InputError: all that is wrong.

    What is wrong with the file itself the collector says.
    """
    request.sends_contexts = True
    try:
        experiment = load_experiment(
            request.source_text, request.base_directory, request.file_name, request.revision
        )
    except ExperimentProblems:
        yield PackedContexts()
        return
    contexts = PackedContexts()
    wrong: list[tuple[tuple[str, ...], str]] = []
    known: dict[tuple[str, str, int], Packed] = {}
    with ExitStack() as ending:
        for variant in experiment.variants:
            build = variant.build
            if not variant.HasField("build") or build.context_on_host or build.HasField("git"):
                continue
            key = build.context, build.dockerfile, build.builder
            try:
                if key not in known:
                    file = ending.enter_context(tempfile.TemporaryFile(prefix="headstart-context-"))
                    known[key] = _packed(build, file)
                    contexts.files.setdefault(known[key].sha256, file)
                contexts.by_variant[variant.name] = known[key]
            except _Missing as missing:
                wrong.append((("variants", variant.name, "build", missing.key), str(missing)))
            except (CannotBeSent, OSError) as error:
                message = f"{build.context} {_words(error)}"
                wrong.append((("variants", variant.name, "build", "context"), message))
        if wrong:
            problems = placed(request.source_text, wrong)
            raise InputError(*(format_problem(each, request.file_name) for each in problems))
        yield contexts


class _Missing(Exception):
    """What a build needs is not here; `key`: which of its keys says so."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


def _packed(build: Build, into: IO[bytes]) -> Packed:
    folder = Path(build.context)
    if not folder.is_dir():
        raise _Missing("context", f"there is no folder {folder} here to send; {_ON_HOST}")
    dockerfile = folder / build.dockerfile
    if not dockerfile.is_file():
        raise _Missing("dockerfile", f"no Dockerfile {dockerfile}")
    if not dockerfile.resolve().is_relative_to(folder.resolve()):
        raise _Missing("dockerfile", f"{dockerfile} is a link that leads out of the context")
    builders = {BUILDER_CLASSIC: (False,), BUILDER_BUILDKIT: (True,)}
    return pack_archive(folder, build.dockerfile, builders.get(build.builder, (False, True)), into)


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"cannot be packed: {tempfile.gettempdir()} is full (TMPDIR names another folder)"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read: {error.filename or ''}: {error.strerror}"
    return f"cannot be read: {error}" if isinstance(error, OSError) else str(error)


def _archive(packed: Packed) -> ContextArchive:
    return ContextArchive(
        sha256=packed.sha256,
        stored_bytes=packed.stored_bytes,
        tar_bytes=packed.tar_bytes,
        entries=packed.entries,
    )


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 100_000 else f"{count:,} bytes"
