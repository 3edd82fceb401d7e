"""The real collector on the past's store, with agents that attend, scraped by a real Prometheus."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import yaml

from headstart.collector.config import Timing
from headstart.v1.fleet_pb2 import Hello
from support.attending import Attending, attend, collecting, submit
from support.pictured.hosts import CONNECTED, EPYC_1, XEON_1, Machine
from support.pictured.making import Made
from support.pictured.past import FINE_SECONDS, INSTANCE
from support.prometheus_server import PrometheusServer, prometheus

# Asked for now: one is under way, one waits behind it.
_WAITING = """
experiment: {name}
baseline: jit
variants:
  jit: {{command: [./server, --jit], compilation: jit}}
  aot: {{command: [./server], compilation: aot}}
service: {{port: 9000, ready: GET /health}}
plan: {{blocks: 12}}
hosts: {{labels: {{name: {host}}}}}
"""
_FLAGS = (
    # As far as an hourly scrape of the past needs.
    "--query.lookback-delta=65m",
    "--storage.tsdb.retention.time=200d",
)
# The agents say something once, and are there for as long as pictures take.
_TIMING = Timing(heartbeat_seconds=600.0, idle_seconds=3_600.0)
# What is there once the agents were exposed, scraped and looked at by the rules.
_SCRAPED = (
    f"(sum(headstart_host_up) == {len(CONNECTED)}) and (sum(headstart_host_busy) == 1) "
    "and (count(ALERTS) > 1)"
)
SCRAPE_SECONDS = FINE_SECONDS


@asynccontextmanager
async def present(made: Made, folder: Path, rules: Path) -> AsyncIterator[PrometheusServer]:
    """A Prometheus that knows the past and scrapes the present; `folder` is empty."""
    data = folder / "collector"
    shutil.copytree(made.data, data)
    shutil.copytree(made.blocks, folder / "data")
    async with AsyncExitStack() as stack:
        collector = await stack.enter_async_context(
            collecting(data, metrics_listen="127.0.0.1:0", timing=_TIMING)
        )
        agents = {
            machine.name: await stack.enter_async_context(
                attend(collector.port, said=_hello(machine))
            )
            for machine in CONNECTED
        }
        await _queue(collector.port, agents)
        server = stack.enter_context(
            prometheus(
                folder,
                [f"127.0.0.1:{collector.metrics_port}"],
                [_firing_at_once(rules, folder)],
                labels={"instance": INSTANCE},
                flags=_FLAGS,
            )
        )
        await asyncio.to_thread(server.wait_for, _SCRAPED)
        yield server


def _firing_at_once(rules: Path, folder: Path) -> Path:
    """The alerts of a rule file without the time for which they are pending: nobody waits."""
    found = yaml.safe_load(rules.read_text())
    for group in found["groups"]:
        for rule in group["rules"]:
            rule.pop("for", None)
    file = folder / "rules.yml"
    file.write_text(yaml.safe_dump(found))
    return file


async def _queue(port: int, agents: dict[str, Attending]) -> None:
    busy, idle = agents[XEON_1.name], agents[EPYC_1.name]
    await submit(port, _WAITING.format(name="players-api", host=XEON_1.name))
    await submit(port, _WAITING.format(name="squad-api", host=XEON_1.name))
    lease = await busy.until("lease")
    attempt = (lease.attempt.run_id, lease.attempt.attempt)
    await busy.beat(attempt, doing="block 3 of 12", spool_bytes=3 << 20)
    await idle.beat(spool_bytes=0)


def _hello(machine: Machine) -> Hello:
    return Hello(protocol_version=1, host=machine.facts(), stream_id=f"present-{machine.name}")
