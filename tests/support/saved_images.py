"""Archives as engines write them for `docker save`, by hand."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Mapping, Sequence

import zstandard

_PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": zstandard.compress,
}


def tar(files: Mapping[str, bytes | str | None], form: int = tarfile.PAX_FORMAT) -> bytes:
    """An archive; text is a symbolic link's target, None a folder."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            if content is None:
                info.type = tarfile.DIRTYPE
            elif isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
            else:
                info.size = len(content)
            archive.addfile(info, io.BytesIO(content if isinstance(content, bytes) else b""))
    return out.getvalue()


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def saved(
    layers: Sequence[bytes], steps: Sequence[str] = (), empty_steps: Sequence[str] = ()
) -> bytes:
    """The engine's own form: a folder with a `layer.tar` for each layer, the list last."""
    names = [f"{index:064x}/layer.tar" for index in range(len(layers))]
    return _with_documents(dict(zip(names, layers, strict=True)), layers, steps, empty_steps, names)


def saved_blobs(layers: Sequence[bytes], packing: str) -> bytes:
    """An OCI layout, as an engine with containerd's store writes it."""
    blobs = [_PACKED[packing](layer) for layer in layers]
    names = [f"blobs/sha256/{digest(blob).removeprefix('sha256:')}" for blob in blobs]
    return _with_documents(dict(zip(names, blobs, strict=True)), layers, (), (), names)


def _with_documents(
    members: dict[str, bytes],
    layers: Sequence[bytes],
    steps: Sequence[str],
    empty_steps: Sequence[str],
    names: list[str],
) -> bytes:
    history = [{"created_by": step, "empty_layer": True} for step in empty_steps]
    history += [{"created_by": step} for step in steps]
    config = {"rootfs": {"diff_ids": [digest(layer) for layer in layers]}, "history": history}
    manifest = [{"Config": "config.json", "Layers": names}]
    return tar(
        {
            **{f"{name}.VERSION": b"1.0" for name in names},
            **members,
            "config.json": json.dumps(config).encode(),
            "manifest.json": json.dumps(manifest).encode(),
        }
    )
