"""`headstart submit` of builds: what is wrong with their contexts, before anything is sent."""

import asyncio
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

from headstart.collector.config import CollectorConfig, Quotas
from headstart.collector.server import Collector
from support.running import Ran, headstart
from support.trees import write_tree


def file_with(folder: Path, **builds: dict[str, Any]) -> Path:
    content = {
        "experiment": "sent",
        "baseline": next(iter(builds)),
        "variants": {name: {"build": build} for name, build in builds.items()},
        "service": {"port": 9000, "ready": "GET /"},
        "plan": {"blocks": 1},
    }
    file = folder / "experiment.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return file


@contextmanager
def collector(folder: Path, **quotas: int) -> Iterator[str]:
    """A collector in a thread; its address."""
    target = f"unix:{folder / 'c' / 'collector.sock'}"
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()

    def wait(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(30)

    config = CollectorConfig(data=folder / "c", listen=target, quotas=Quotas(**quotas))
    running = wait(Collector.start(config))
    try:
        yield target
    finally:
        wait(running.stop())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def submit(file: Path, target: str = "unix:/none/collector.sock", *options: str) -> Ran:
    return headstart("submit", file, "--collector", target, *options)


def test_everything_that_cannot_be_sent_is_told_with_its_line_and_what_to_do(
    tmp_path: Path,
) -> None:
    write_tree(tmp_path, {"src/Dockerfile": "", "other/Dockerfile": ""})
    os.mkfifo(tmp_path / "other/pipe")
    (tmp_path / "src/link").symlink_to("../other/Dockerfile")
    file = file_with(
        tmp_path,
        a={"context": "gone"},
        b={"context": "src", "dockerfile": "Dockerfile.b"},
        c={"context": "other"},
        d={"context": "gone", "context_on_host": True},
        e={"context": "src", "dockerfile": "link"},
    )

    ran = submit(file)

    assert ran.status == 2
    gone = f"there is no folder {tmp_path}/gone here to send; 'context_on_host: true' says that"
    out = "is a link that leads out of the context"
    special = "holds what cannot be sent: pipe (a FIFO)"
    told = [line.strip().removeprefix("headstart: ") for line in ran.errors.splitlines()]
    assert told == [
        f"{file}:6:16: variants.a.build.context: {gone} it is a folder of each host",
        f"{file}:10:19: variants.b.build.dockerfile: no Dockerfile {tmp_path}/src/Dockerfile.b",
        f"{file}:13:16: variants.c.build.context: {tmp_path}/other {special}",
        f"{file}:21:19: variants.e.build.dockerfile: {tmp_path}/src/link {out}",
    ]


def test_a_context_that_is_too_large_is_told_with_its_largest_files(tmp_path: Path) -> None:
    large: dict[str, str | bytes] = {
        "src/Dockerfile": "",
        "src/large": os.urandom(2_000_000),
        "src/small": "x" * 9000,
    }
    write_tree(tmp_path, large)
    file = file_with(tmp_path, a={"context": "src"}, b={"context": "src"})
    with collector(tmp_path, context_bytes=1_000_000) as target:
        ran = submit(file, target)

    assert ran.status == 2
    assert "the context of a, b has 2.0 MB as it is sent" in ran.errors
    assert "the collector takes 1.0 MB and 8.0 MB (its --context-bytes)" in ran.errors
    assert "largest files: large (2.0 MB), small (9,728 bytes)" in ran.errors
    assert not list((tmp_path / "c/contexts/incoming").iterdir())


@pytest.mark.parametrize("key", ["context", "dockerfile"])
def test_a_file_that_is_wrong_is_told_by_the_collector_as_ever(tmp_path: Path, key: str) -> None:
    file = file_with(tmp_path, a={key: 5}, b={"context": "src"})
    with collector(tmp_path) as target:
        ran = submit(file, target, "--json")

    assert ran.status == 2
    assert f"variants.a.build.{key}" in json.dumps(ran.errors + ran.output)
