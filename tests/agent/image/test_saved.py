"""What engines write for an image, in the forms that they have."""

import gzip
import io
import tarfile

import pytest

from headstart.agent.image.saved import SavedLayer, read_saved
from headstart.agent.image.tar_stream import Budget, TarFault
from support.saved_images import digest, saved, saved_blobs, tar

BASE = tar({"etc": None, "etc/os-release": b"ID=debian\n", "lib/libc.so": bytes(200_000)})
APP = tar({"app/server": bytes(range(256)) * 400})
NOTHING = bytes(1024)


def read(data: bytes, known: dict[str, int] | None = None) -> list[SavedLayer]:
    pieces = (data[at : at + 5000] for at in range(0, len(data), 5000))
    return read_saved(pieces, Budget(), known or {})


def contents(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        files = ((member.name, archive.extractfile(member)) for member in archive)
        return {name: file.read() for name, file in files if file is not None}


def is_blob(name: str) -> bool:
    return name.startswith("blobs/") and not name.endswith("VERSION")


def test_layers_come_in_order_with_what_made_them() -> None:
    layers = read(saved([BASE, NOTHING, APP], ["ADD base", "WORKDIR /app", "COPY app"], ["ENV A"]))

    assert [layer.digest for layer in layers] == [digest(BASE), digest(NOTHING), digest(APP)]
    assert [layer.bytes for layer in layers] == [200_010, 0, 102_400]
    assert [layer.created_by for layer in layers] == ["ADD base", "WORKDIR /app", "COPY app"]
    assert [entry.path for entry in layers[2].entries] == ["app/server"]


def test_pull_bytes_are_what_gzip_makes_of_a_layer() -> None:
    layers = read(saved([BASE, APP]))

    assert [layer.stored for layer in layers] == [False, False]
    for layer, content in zip(layers, [BASE, APP], strict=True):
        # Apart from what a header may hold, such as a file's name.
        assert abs(layer.pull_bytes - len(gzip.compress(content, 6))) <= 16


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_layers_kept_compressed_have_exactly_their_size(packing: str) -> None:
    data = saved_blobs([BASE, APP], packing)
    stored = [len(content) for name, content in contents(data).items() if is_blob(name)]
    layers = read(data)

    assert [layer.digest for layer in layers] == [digest(BASE), digest(APP)]
    assert [layer.stored for layer in layers] == [True, True]
    assert [layer.pull_bytes for layer in layers] == stored
    assert [layer.bytes for layer in layers] == [200_010, 102_400]


def test_a_layer_that_was_compressed_before_is_not_again() -> None:
    first = read(saved([BASE, APP]))
    again = read(saved([BASE, APP]), {first[0].name: 4711})

    assert [layer.pull_bytes for layer in again] == [4711, first[1].pull_bytes]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (tar({"a/layer.tar": BASE}), "form that is known"),
        (tar({"manifest.json": b"[{}]"}), "form that is known"),
        (tar({"manifest.json": b'["no", {"Config": 3}]'}), "form that is known"),
        (tar({"manifest.json": b'[{"Config": "c"'}), "no JSON"),
        (tar({"manifest.json": b"[" * 100_000}), "no JSON"),
        (saved([b"\x1f\x8b\x08\x00" + bytes(900)]), "no valid gzip"),
    ],
    ids=["no manifest", "no config", "odd manifest", "cut", "deep", "no gzip"],
)
def test_what_is_in_no_known_form_is_a_fault(data: bytes, words: str) -> None:
    with pytest.raises(TarFault, match=words):
        read(data)


def test_a_layer_that_the_list_names_and_is_not_there_is_a_fault() -> None:
    kept = {n: c for n, c in contents(saved([BASE])).items() if not n.endswith("layer.tar")}

    with pytest.raises(TarFault, match="form that is known"):
        read(tar(kept))
