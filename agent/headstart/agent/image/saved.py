"""What an engine gives out for an image (`docker save`), read in one pass.

Two forms are known: the engine's own, with a `layer.tar` for each layer, and an OCI
layout with blobs, which may be compressed. What a member is, its first bytes say: the
list of layers comes last.
"""

import hashlib
import json
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from headstart.agent.image.tar_stream import (
    Budget,
    ByteStream,
    Member,
    TarFault,
    members,
    unfolded,
    unfolded_zstd,
)
from headstart.agent.image.tree import Entry

_SNIFFED = 512
# A document and all of them together: what is parsed takes some twenty times as much.
_JSON_BYTES = 8 << 20
_DOCUMENTS_BYTES = 16 << 20
# Docker has 127 at most.
_MAXIMUM_LAYERS = 1024
_GZIP_LEVEL = 6


@dataclass(frozen=True)
class SavedLayer:
    """One layer; `digest` is that of its archive, uncompressed.

    `pull_bytes` of a layer that the engine keeps compressed is exact (`stored`), else
    what gzip made of it here.
    """

    digest: str
    bytes: int
    pull_bytes: int
    stored: bool
    entries: tuple[Entry, ...]
    # Names its content within one engine: the same for every image that has the layer.
    name: str = ""
    created_by: str = ""


@dataclass
class _Found:
    layers: dict[str, SavedLayer] = field(default_factory=dict)
    documents: dict[str, Any] = field(default_factory=dict)
    document_bytes: int = 0


def read_saved(
    pieces: Iterable[bytes], budget: Budget, known_pulls: Mapping[str, int]
) -> list[SavedLayer]:
    """The image's layers, the lowest first, with the steps that made them.

    `known_pulls`: name of a layer -> what gzip made of it in an earlier reading, so that
    a base is compressed once. TarFault when it is malformed or too large.
    """
    found = _Found()
    stream = ByteStream(_spent(pieces, budget))
    for member in members(stream, budget):
        if member.type == tarfile.REGTYPE:
            _sort(member, found, budget, known_pulls)
    return _in_order(found)


def _spent(pieces: Iterable[bytes], budget: Budget) -> Iterator[bytes]:
    for piece in pieces:
        budget.spend(len(piece))
        yield piece


def _sort(member: Member, found: _Found, budget: Budget, known_pulls: Mapping[str, int]) -> None:
    content = ByteStream(member.content)
    first = content.read(_SNIFFED)
    pieces: Iterator[bytes] = chain([first], content.take(1 << 62))
    if first[:1] in (b"{", b"["):
        found.document_bytes += member.size
        if found.document_bytes > _DOCUMENTS_BYTES:
            raise TarFault(f"its documents take more than {_DOCUMENTS_BYTES >> 20} MiB")
        found.documents[member.name] = _document(member, pieces)
        return
    stored = first[:2] == b"\x1f\x8b" or first[:4] == b"\x28\xb5\x2f\xfd"
    if first[:2] == b"\x1f\x8b":
        pieces = unfolded(ByteStream(pieces), budget)
    elif stored:
        pieces = unfolded_zstd(ByteStream(pieces), budget)
    elif first[257:262] != b"ustar" and first.strip(b"\0"):
        # Such as VERSION.
        return
    elif member.size < _SNIFFED:
        return
    if len(found.layers) == _MAXIMUM_LAYERS:
        raise TarFault(f"it has more than {_MAXIMUM_LAYERS} layers")
    compressor = _Compressor(known_pulls.get(member.name))
    layer = _layer(pieces, budget, compressor if not stored else None)
    found.layers[layer.digest] = SavedLayer(
        layer.digest,
        layer.bytes,
        member.size if stored else compressor.total(),
        stored,
        layer.entries,
        member.name,
    )


def _layer(pieces: Iterable[bytes], budget: Budget, compressor: "_Compressor | None") -> SavedLayer:
    digest = hashlib.sha256()

    def tap(piece: bytes) -> None:
        digest.update(piece)
        if compressor is not None:
            compressor.update(piece)

    stream = ByteStream(pieces, tap)
    entries = tuple(
        Entry(member.name, member.type, member.size, member.link)
        for member in members(stream, budget)
    )
    stream.drain()
    size = sum(entry.size for entry in entries)
    return SavedLayer(f"sha256:{digest.hexdigest()}", size, 0, False, entries)


class _Compressor:
    """Counts what gzip makes of the bytes; only passes the count on where it is known."""

    def __init__(self, known: int | None) -> None:
        self._known = known
        self._zip = zlib.compressobj(_GZIP_LEVEL, wbits=31)
        self._count = 0

    def update(self, piece: bytes) -> None:
        if self._known is None:
            self._count += len(self._zip.compress(piece))

    def total(self) -> int:
        if self._known is not None:
            return self._known
        return self._count + len(self._zip.flush())


def _document(member: Member, pieces: Iterable[bytes]) -> Any:
    if member.size > _JSON_BYTES:
        raise TarFault(f"a document in it is {member.size} bytes long")
    try:
        return json.loads(b"".join(pieces))
    except (ValueError, RecursionError) as error:
        raise TarFault(f"a document in it is no JSON: {error}") from error


def _in_order(found: _Found) -> list[SavedLayer]:
    """By the image's configuration, which also says which step made no layer."""
    try:
        manifest = found.documents["manifest.json"]
        config = found.documents[manifest[0]["Config"]]
        digests: list[str] = config["rootfs"]["diff_ids"]
        steps = [step for step in config.get("history") or [] if not step.get("empty_layer")]
        if len(steps) != len(digests):
            steps = [{} for _ in digests]
        return [
            _made_by(found.layers[digest], str(step.get("created_by", "")))
            for digest, step in zip(digests, steps, strict=True)
        ]
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise TarFault(f"it is not in a form that is known ({error!r})") from error


def _made_by(layer: SavedLayer, step: str) -> SavedLayer:
    return SavedLayer(
        layer.digest,
        layer.bytes,
        layer.pull_bytes,
        layer.stored,
        layer.entries,
        layer.name,
        step,
    )
