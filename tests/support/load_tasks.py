"""Short loads on the servers of `support.load_server`."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from headstart.agent.load.driver import LoadDriver, LoadResult, LoadTask
from headstart.v1.experiment_pb2 import HttpCheck, HttpRequest, Load, WeightedRequest
from headstart.v1.records_pb2 import Histogram, LoadWindow
from headstart.words.histogram import lowest_us


def request(target: str = "/players", weight: int = 1, **fields: Any) -> WeightedRequest:
    """A GET, or what `method` and `body` say; other fields are of its check."""
    http = HttpRequest(
        method=fields.pop("method", "GET"),
        target=target,
        headers=fields.pop("headers", []),
        body=fields.pop("body", b""),
    )
    return WeightedRequest(check=HttpCheck(request=http, **fields), weight=weight)


def load_of(*requests: WeightedRequest, **fields: Any) -> Load:
    """A load of half a second over four connections, unless said otherwise."""
    fields = {"connections": 4, "duration_seconds": 0.5} | fields
    return Load(requests=requests or [request()], **fields)


def task_of(
    load: Load,
    port: int,
    scratch: Path,
    alive: Callable[[], bool] = lambda: True,
    **fields: Any,
) -> LoadTask:
    """A task on a server of 127.0.0.1."""
    given: dict[str, Any] = {"cancelled": lambda: False, "cpus": ""} | fields
    return LoadTask(
        load=load,
        trial=7,
        address="127.0.0.1",
        port=port,
        scratch=scratch,
        server_alive=alive,
        **given,
    )


def run_load(driver: LoadDriver, task: LoadTask) -> LoadResult:
    """Prepare, run and close, where the begin does not matter."""
    with closing(driver.prepare(task)) as prepared:
        return prepared.run()


def windows_of(result: LoadResult) -> list[LoadWindow]:
    """All windows in order."""
    return [window for message in result.windows for window in message.windows]


def assert_without_holes(windows: list[LoadWindow]) -> None:
    """Every window begins where the one before ended."""
    end_us = 0
    for window in windows:
        assert window.start_us == end_us
        end_us = window.start_us + window.duration_us


def share_above(histogram: Histogram, limit_us: int) -> float:
    """The share of requests that took longer, to the width of a bucket."""
    index = above = 0
    for delta, count in zip(histogram.index_delta, histogram.count, strict=True):
        index += delta
        above += count if lowest_us(index) >= limit_us else 0
    return above / sum(histogram.count)
