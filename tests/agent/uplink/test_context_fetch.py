"""A context that is fetched from the collector: whole, gone on with, bounded, or why not."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from headstart.agent.cancellation import Cancellation, Cancelled
from headstart.agent.uplink import context_fetch
from headstart.agent.uplink.collector_addresses import Addresses
from headstart.agent.uplink.context_fetch import CannotFetch, fetch_context
from headstart.v1.experiment_pb2 import ContextArchive
from headstart.v1.fleet_pb2 import Attempt, FetchContextRequest, FetchContextResponse
from headstart.v1.fleet_pb2_grpc import FleetServiceServicer, add_FleetServiceServicer_to_server
from support.freezing import Freezing

CONTENT = bytes(range(256)) * 8
ARCHIVE = ContextArchive(sha256="a" * 64, stored_bytes=len(CONTENT), tar_bytes=10_240)
ATTEMPT = Attempt(run_id="r", attempt=2)


class Source:
    """Serves the content; breaks off after some bytes as often as it is told to."""

    def __init__(
        self,
        breaks: int = 0,
        code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE,
        more: bytes = b"",
        steps: int = 700,
        before_breaking: int | None = None,
    ) -> None:
        self.breaks = breaks
        self.code = code
        self.content = CONTENT + more
        self.steps = steps
        self.before_breaking = steps if before_breaking is None else before_breaking
        self.asked: list[FetchContextRequest] = []
        self.cancel: Cancellation | None = None

    def FetchContext(
        self, request: FetchContextRequest, context: grpc.ServicerContext
    ) -> Iterator[FetchContextResponse]:
        self.asked.append(request)
        rest = self.content[request.offset :]
        if self.cancel is not None:
            yield FetchContextResponse(piece=rest[:100])
            self.cancel.set()
            while context.is_active():
                pass
            return
        if len(self.asked) <= self.breaks:
            if self.before_breaking:
                yield FetchContextResponse(piece=rest[: self.before_breaking])
            context.abort(self.code, "away for now\x1b[31m")
        for start in range(0, len(rest), self.steps):
            yield FetchContextResponse(piece=rest[start : start + self.steps])


@contextmanager
def serving(source: Source) -> Iterator[str]:
    with ThreadPoolExecutor(4) as pool:
        server = grpc.server(pool)
        names = FleetServiceServicer.__dict__
        # Of the other call there is none.
        servicer = type("Servicer", (), {"Attend": names["Attend"]})()
        servicer.FetchContext = source.FetchContext
        add_FleetServiceServicer_to_server(servicer, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            server.stop(0).wait()


def fetched(source: Source, into: Path, cancelled: Cancellation | None = None) -> bytes:
    with serving(source) as target:
        at = Addresses([target])
        fetch_context(at, None, ATTEMPT, ARCHIVE, into, cancelled or Cancellation())
    return into.read_bytes()


# DATA_LOSS: its store is damaged, until a backup is restored.
@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DATA_LOSS])
def test_what_breaks_off_goes_on_where_it_was(tmp_path: Path, code: grpc.StatusCode) -> None:
    source = Source(breaks=1, code=code)

    assert fetched(source, tmp_path / "a") == CONTENT
    assert [(each.attempt, each.sha256, each.offset) for each in source.asked] == [
        (ATTEMPT, ARCHIVE.sha256, 0),
        (ATTEMPT, ARCHIVE.sha256, 700),
    ]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (Source(breaks=1, code=grpc.StatusCode.NOT_FOUND), r"^the collector says: away for now"),
        (Source(more=b"x"), "more than the 2048 bytes told"),
        (Source(more=bytes(100_000), steps=100_000), "more than the 2048 bytes told"),
    ],
)
def test_what_cannot_come_is_told(tmp_path: Path, source: Source, message: str) -> None:
    with pytest.raises(CannotFetch, match=message) as told:
        fetched(source, tmp_path / "a")

    assert "\x1b" not in str(told.value)
    assert (tmp_path / "a").stat().st_size <= len(CONTENT)
    assert len(source.asked) == 1


def test_one_that_ends_too_early_is_told(tmp_path: Path) -> None:
    source = Source()
    source.content = CONTENT[:1000]

    with pytest.raises(CannotFetch, match="ends after 1000 of 2048 bytes"):
        fetched(source, tmp_path / "a")


class Quick(Addresses):
    """Notices what is frozen sooner than a real agent may ask."""

    @property
    def bulk_options(self) -> list[tuple[str, int]]:
        asked = super().bulk_options
        return [(name, 300 if name.endswith("_ms") else value) for name, value in asked]


def test_from_one_that_freezes_it_goes_on_at_another(tmp_path: Path) -> None:
    source = Source(steps=100)
    with serving(source) as target, Freezing(target, after_bytes=600) as frozen:
        addresses = Quick([frozen.target, target])
        # As the agent's stream does, by keepalive of its own.
        frozen.on_frozen(addresses.failed)
        fetch_context(addresses, None, ATTEMPT, ARCHIVE, tmp_path / "a", Cancellation())

    assert (tmp_path / "a").read_bytes() == CONTENT
    assert source.asked[0].offset == 0
    assert 0 < source.asked[-1].offset < len(CONTENT)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context_fetch, "_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(context_fetch, "_LONGEST_PAUSE_SECONDS", 0.01)


@pytest.mark.usefixtures("impatient")
def test_one_that_is_away_for_long_is_waited_for(tmp_path: Path) -> None:
    source = Source(breaks=20, before_breaking=0)

    assert fetched(source, tmp_path / "a") == CONTENT
    assert len(source.asked) == 21


@pytest.mark.usefixtures("impatient")
def test_one_that_is_broken_is_not_asked_for_ever(tmp_path: Path) -> None:
    source = Source(breaks=20, code=grpc.StatusCode.INTERNAL, before_breaking=0)

    with pytest.raises(CannotFetch, match=r"^the collector says: away for now"):
        fetched(source, tmp_path / "a")
    assert len(source.asked) == 6


def test_in_the_end_it_is_told_how_far_it_came_and_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context_fetch, "_ALL_SECONDS", 60.0)
    monkeypatch.setattr(context_fetch, "_PAUSE_SECONDS", 61.0)
    with pytest.raises(CannotFetch, match=r"^700 of 2048 bytes came within 1 min; at the end "):
        fetched(Source(breaks=20), tmp_path / "a")


def test_a_collector_of_before_is_told(tmp_path: Path) -> None:
    code = grpc.StatusCode.UNIMPLEMENTED

    with pytest.raises(CannotFetch, match="the collector is older than this agent"):
        fetched(Source(breaks=1, code=code), tmp_path / "a")


def test_a_cancellation_ends_it_amid_a_piece(tmp_path: Path) -> None:
    source = Source()
    source.cancel = Cancellation()

    with pytest.raises(Cancelled):
        fetched(source, tmp_path / "a", source.cancel)
