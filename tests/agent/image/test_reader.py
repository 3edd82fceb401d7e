"""Images as a whole: sizes by part, base and kind, of images made here and of real ones."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import docker
import pytest

from headstart.agent.engine.engine import Engine
from headstart.agent.engine.resolution import resolve_image
from headstart.agent.image.cache import ImageCache
from headstart.agent.image.reader import ImageReader
from headstart.agent.instances import LABEL_STATE
from headstart.v1.experiment_pb2 import Variant
from headstart.v1.records_pb2 import BaseSource, BinaryKind, ImageFacts, PullBasis, ResolvedVariant
from support.images import build_app, image_of
from support.policies import everything_allowed

pytestmark = pytest.mark.docker


@pytest.fixture
def engine() -> Iterator[Engine]:
    with closing(Engine.connect()) as engine:
        yield engine


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_app(tmp_path_factory.mktemp("app"))


def resolved(engine: Engine, image: str) -> ResolvedVariant:
    found = resolve_image(engine, everything_allowed(), Variant(name="v", image=image))
    assert not found.HasField("failure"), found.failure.message
    return found


def facts(
    engine: Engine, state: Path, image: str, base: str = "", others: set[str] | None = None
) -> ImageFacts:
    reader = ImageReader(engine, ImageCache(state), {LABEL_STATE: f"test-{os.getpid()}"})
    found = reader.facts(resolved(engine, image), base, others or set())
    assert engine.labelled(LABEL_STATE, f"test-{os.getpid()}") == {}
    return found


def build(folder: Path, name: str, dockerfile: str) -> str:
    """An image of the folder, by the classic builder."""
    (folder / "Dockerfile").write_text(dockerfile)
    environment = os.environ | {"DOCKER_BUILDKIT": "0"}
    command = ["docker", "build", "--quiet", "--network", "none", "-t", name, str(folder)]
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return name


@pytest.fixture
def on_base(program: Path, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A base image with an operating system's sign, and an image on it."""
    base, image = (f"headstart-test:{kind}-{os.getpid()}" for kind in ("base", "on-base"))
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "server").write_bytes(program.read_bytes())
    (folder / "server").chmod(0o755)
    (folder / "server.dbg").write_bytes(bytes(5000))
    (folder / "os-release").write_text("ID=test\n" * 1000)
    build(folder, base, 'FROM scratch\nCOPY os-release /etc/os-release\nCMD ["/x"]\n')
    steps = f'FROM {base}\nWORKDIR /app\nCOPY server server.dbg ./\nENTRYPOINT ["/app/server"]\n'
    yield build(folder, image, steps), base
    with closing(docker.APIClient()) as client:
        for name in (image, base):
            client.remove_image(name, force=True)


@pytest.mark.compiler
def test_the_parts_of_an_image_on_a_base(
    engine: Engine, tmp_path: Path, program: Path, on_base: tuple[str, str]
) -> None:
    image, base = on_base
    found = facts(engine, tmp_path / "state", image)
    size = program.stat().st_size

    assert found.unpacked_bytes == 8000 + size + 5000
    assert [layer.bytes for layer in found.layers] == [8000, 0, size + 5000]
    assert "COPY" in found.layers[0].created_by
    assert "WORKDIR /app" in found.layers[1].created_by
    assert (found.base, found.base_source) == (base, BaseSource.BASE_SOURCE_LOCAL_IMAGE)
    assert (found.base_layers, found.above_base_bytes) == (1, size + 5000)
    assert found.own_bytes + found.symbol_bytes == size + 5000
    assert found.symbol_bytes > 5000
    assert found.pull_basis == PullBasis.PULL_BASIS_ESTIMATED
    assert 0 < found.pull_bytes < found.unpacked_bytes
    assert found.pull_bytes == sum(layer.pull_bytes for layer in found.layers)
    assert found.binary_kind == BinaryKind.BINARY_KIND_STATIC_NATIVE
    assert list(found.notes) == []


@pytest.mark.compiler
def test_a_base_is_what_the_experiment_names(
    engine: Engine, tmp_path: Path, on_base: tuple[str, str]
) -> None:
    image, base = on_base
    named = facts(engine, tmp_path, image, base)
    scratch = facts(engine, tmp_path, image, "scratch")
    missing = facts(engine, tmp_path, image, "no-such:base")
    wrong = facts(engine, tmp_path, base, image)
    compared = facts(engine, tmp_path, image, others={(engine.image(base) or {})["Id"]})

    assert (named.base, named.base_source) == (base, BaseSource.BASE_SOURCE_NAMED)
    assert scratch.above_base_bytes == scratch.unpacked_bytes
    assert (missing.base, missing.above_base_bytes) == ("", 0)
    assert list(missing.notes) == ["the base no-such:base is not among this host's images"]
    assert any("does not begin with the layers of" in note for note in wrong.notes)
    # What the run compares is no base, and this image has an operating system: not known.
    assert (compared.base, compared.above_base_bytes) == ("", 0)


@pytest.mark.compiler
def test_an_image_is_read_once(
    engine: Engine, tmp_path: Path, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with image_of(program, f"headstart-test:once-{os.getpid()}", ['ENTRYPOINT ["app"]']) as image:
        first = facts(engine, tmp_path, image)
        monkeypatch.setattr(Engine, "save", None)
        again = facts(engine, tmp_path, image)
        for damaged in tmp_path.glob("*.pb"):
            damaged.write_bytes(b"\xff\xff")
        with pytest.raises(TypeError):
            facts(engine, tmp_path, image)

    assert again == first
    assert first.base_source == BaseSource.BASE_SOURCE_ASSUMED_SCRATCH
    assert first.above_base_bytes == first.unpacked_bytes == program.stat().st_size


@pytest.mark.compiler
def test_an_image_that_cannot_be_read_has_sizes_and_a_note(
    engine: Engine, tmp_path: Path, program: Path
) -> None:
    with image_of(program, f"headstart-test:odd-{os.getpid()}", ['ENTRYPOINT ["app"]']) as image:
        labels = {LABEL_STATE: f"test-{os.getpid()}"}
        reader = ImageReader(engine, ImageCache(tmp_path), labels, cancelled=lambda: True)
        found = reader.facts(resolved(engine, image), "", set())

    assert found.unpacked_bytes == program.stat().st_size
    assert (found.pull_bytes, found.own_bytes, found.binary_kind) == (0, 0, 0)
    assert list(found.notes) == ["the image could not be read: the run was cancelled"]
    assert list(tmp_path.glob("*.pb")) == []


def test_an_image_that_vanished_is_a_note(engine: Engine, tmp_path: Path) -> None:
    gone = ResolvedVariant(variant="v", digest=f"sha256:{'0' * 64}", argv=["/app"])
    reader = ImageReader(engine, ImageCache(tmp_path), {})
    found = reader.facts(gone, "", set())

    assert found.unpacked_bytes == 0
    assert "could not be read" in found.notes[0]


@pytest.mark.dotnet
@pytest.mark.parametrize(
    ("image", "kind", "path", "base"),
    [
        ("players:jit-deps", "IL", "/app/players.dll", "local/dotnet-aspnet-deps:10.0"),
        ("players:r2r-deps", "READY_TO_RUN", "/app/players.dll", "local/dotnet-aspnet-deps:10.0"),
        ("players:aot-deps", "NATIVE_AOT", "/app/players", "local/dotnet-deps:10.0"),
        ("players:aot-scratch", "NATIVE_AOT", "/app/players", "scratch"),
    ],
)
def test_real_dotnet_images(
    engine: Engine, tmp_path: Path, image: str, kind: str, path: str, base: str
) -> None:
    found = facts(engine, tmp_path, image)

    assert BinaryKind.Name(found.binary_kind) == f"BINARY_KIND_{kind}"
    assert (found.binary_path, list(found.notes)) == (path, [])
    # The base may have other names too, such as those that the example's bases.sh gives.
    assert found.base in _names_of(engine, base)
    assert 0.2 < found.pull_bytes / found.unpacked_bytes < 0.6
    assert 0 < found.own_bytes <= found.above_base_bytes <= found.unpacked_bytes
    assert found.unpacked_bytes == sum(layer.bytes for layer in found.layers)


def _names_of(engine: Engine, name: str) -> list[str]:
    image = engine.image(name)
    return [name] if image is None else image["RepoTags"]
