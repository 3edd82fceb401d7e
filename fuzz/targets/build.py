"""The streams of builds and what steps print in them."""

import io
import json
import stat
import tempfile
from pathlib import Path
from typing import Any

import zstandard

from fuzz.target import Table, require
from headstart.agent.builds.buildkit import BuildKitDecoder, wire_fields
from headstart.agent.builds.classic import ClassicDecoder
from headstart.agent.builds.context_folders import remove_tree
from headstart.agent.builds.context_unpacking import BadArchive, UnpackBounds, unpack_archive
from headstart.agent.builds.diagnostics import Diagnostics
from headstart.agent.builds.git_checkout import CannotCheckOut, require_bounds
from headstart.agent.builds.ignore import context_paths
from headstart.agent.builds.packages import of_member, of_path
from headstart.agent.builds.parts import Parts
from headstart.agent.builds.projects import Projects
from headstart.agent.builds.recorder import Recorder
from headstart.agent.cancellation import Cancellation
from headstart.agent.engine.pull_progress import PullProgress
from headstart.agent.engine.pull_reasons import reason_of
from headstart.v1.records_pb2 import ImagePulled
from headstart.words.foreign.image_reference import parse_image

TABLE = Table()


def _events(data: bytes) -> list[dict[str, Any]]:
    """Objects as the engine sends them, one a line; other lines are output of a step."""
    found = []
    for line in data.split(b"\n"):
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            event = None
        text = line.decode("utf-8", "replace")
        found.append(event if isinstance(event, dict) else {"stream": f"{text}\n"})
    return found


def _finish(recorder: Recorder) -> None:
    recorder.steps(100.0)
    recorder.failure()
    recorder.tail()
    recorder.log.packed()
    recorder.diagnostics.found()


@TABLE.add("the engine, with a step's output in it", ValueError)
def classic_build(data: bytes) -> None:
    recorder = Recorder((), Projects(referred=frozenset({"AutoMapper"})))
    decoder = ClassicDecoder(recorder)
    for at, event in enumerate(_events(data)):
        decoder.feed(event, float(at))
    decoder.close(99.0)
    _finish(recorder)


@TABLE.add("the engine, with a registry's words in it")
def pull_events(data: bytes) -> None:
    progress = PullProgress()
    image = parse_image("hub.example/team/players:1")
    for event in _events(data):
        progress.take(event)
    ImagePulled(
        transferred_bytes=progress.transferred_bytes,
        layers=progress.layers,
        layers_present=progress.layers_present,
        layers_of_unknown_size=progress.layers_of_unknown_size,
        digest=progress.digest,
    )
    reason_of(progress.error, image, "linux/amd64")


@TABLE.add("the engine, with a step's output in it", ValueError)
def buildkit_build(data: bytes) -> None:
    recorder = Recorder()
    decoder = BuildKitDecoder(recorder)
    for at, event in enumerate(_events(data)):
        decoder.feed(event, float(at))
    decoder.close(99.0)
    _finish(recorder)


@TABLE.add("the engine, with a step's output in it", ValueError)
def buildkit_message(data: bytes) -> None:
    """The protobuf within BuildKit's events, which JSON hides from a fuzzer."""
    for _, value in wire_fields(data):
        if isinstance(value, bytes):
            dict(wire_fields(value))


@TABLE.add("a step of a build, in its output", most_bytes=8192)
def build_output(data: bytes) -> None:
    diagnostics, parts = (
        Diagnostics((), Projects(referred=frozenset({"AutoMapper"}), own=frozenset({"web"}))),
        Parts(0.0),
    )
    lines = data.decode("utf-8", "replace").split("\n")
    for at, line in enumerate(lines):
        diagnostics.line(line)
        parts.line(float(at), line)
        of_path(line, {"AutoMapper"})
        of_member(line, {"AutoMapper"})
    parts.until(float(len(lines)))
    require(len(diagnostics.found()) <= len(lines), "more diagnostics than lines")


@TABLE.add("whoever writes a build's context", OSError)
def ignore_file(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in ("src/deep/a.cs", "a" * 60, "x y", ".env", "Dockerfile"):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).touch()
        (folder / ".dockerignore").write_bytes(data)
        found = list(context_paths(folder, "Dockerfile", Cancellation()))
        require("Dockerfile" in found, "the Dockerfile is left out")


@TABLE.add("whoever submits a build's context", BadArchive)
def context_archive(data: bytes) -> None:
    """A tar, which stands in a frame; or, where it begins with one, a frame."""
    is_frame = data.startswith(b"\x28\xb5\x2f\xfd")
    archive = io.BytesIO(data if is_frame else zstandard.compress(data, 1))
    bounds = UnpackBounds(1 << 20, entries=50)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "made"
        folder.mkdir()
        try:
            unpack_archive(archive, folder, bounds, Cancellation())
        except OSError as error:
            # A name that a file system does not take.
            raise BadArchive(str(error)) from error
        finally:
            require([*Path(name).iterdir()] == [folder], "something stands beside the folder")
            for path in folder.rglob("*"):
                mode = path.lstat().st_mode
                kinds = stat.S_ISREG(mode), stat.S_ISDIR(mode), stat.S_ISLNK(mode)
                require(any(kinds) and not mode & 0o7000, "a special file was made")
            remove_tree(folder)


@TABLE.add("git, about a commit of a submitter's", CannotCheckOut)
def git_listing(data: bytes) -> None:
    require_bounds(data, 1 << 20)
