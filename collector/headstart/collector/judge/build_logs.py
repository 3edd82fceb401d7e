"""The logs of a run's builds as one text, for `headstart report --format build-logs`."""

import io
from collections.abc import Iterable

import zstandard

from headstart.v1.experiment_pb2 import Builder
from headstart.v1.records_pb2 import BuildOutcome
from headstart.words.enums import word
from headstart.words.foreign import clean

# An agent keeps 8 MiB of a log; what claims to be longer is cut.
_MAXIMUM_BYTES = 9 << 20
# All logs of a run together.
_MAXIMUM_TOTAL_BYTES = 128 << 20
_LEFT_OUT = "(left out: the logs before it are 128 MiB long)\n"


def build_logs(builds: Iterable[BuildOutcome]) -> bytes:
    """Each log under a line that names its build; the agent's own text, which is untrusted.

    What comes behind the first 128 MiB is left out, and said to be.
    """
    parts: list[bytes] = []
    left = _MAXIMUM_TOTAL_BYTES
    for build in builds:
        text = _unpacked(build.log) if left > 0 else _LEFT_OUT
        parts.append(f"{clean.line(_heading(build))}\n{text}".encode())
        left -= len(parts[-1])
    return b"\n".join(parts) or b"This run has no builds.\n"


def _heading(build: BuildOutcome) -> str:
    kind = "clean" if build.clean else "cached"
    builder = word(Builder, build.builder)
    words = [
        f"{build.variant}: {kind} build {build.repetition}",
        f"{build.duration_seconds:.1f} s",
        builder,
        "failed" if build.HasField("failure") else build.digest,
    ]
    return f"=== {', '.join(filter(None, words))}"


def _unpacked(log: bytes) -> str:
    unpacker = zstandard.ZstdDecompressor(max_window_size=_MAXIMUM_BYTES)
    try:
        with unpacker.stream_reader(io.BytesIO(log)) as reader:
            text = clean.lines(reader.read(_MAXIMUM_BYTES).decode("utf-8", "replace"))
            # A control takes four characters to show.
            return text[:_MAXIMUM_BYTES]
    except zstandard.ZstdError as error:
        return f"(the log can't be read: {error})\n"
