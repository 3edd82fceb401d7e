"""How long two collectors on one PostgreSQL are without an active one, and an agent without both.

The active one is killed or frozen in turns, while an agent attends it that knows both addresses.
"""

import asyncio
import signal
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.table import BenchRow
from headstart.agent.uplink.collector_addresses import Addresses
from headstart.agent.uplink.held_runs import HeldRuns
from headstart.agent.uplink.spool import Spool
from headstart.agent.uplink.stream import Attendance
from headstart.v1.host_pb2 import HostFacts, Policy
from support.pair import Member, Pair, pair
from support.postgres_server import PostgresServer, missing
from support.waiting import wait_until

_BUDGET_SECONDS = 15.0
_PATIENCE_SECONDS = 120.0
_EACH, _QUICK = 25, 2


def run(quick: bool) -> list[BenchRow]:
    """25 kills and 25 freezes, or two of each."""
    if reason := missing():
        return [BenchRow("takeover", f"not measured: {reason}", "", "", ok=None)]
    server = PostgresServer({"fsync": "on", "full_page_writes": "on"})
    server.start()
    try:
        with tempfile.TemporaryDirectory(prefix="hs-takeover-") as folder:
            return _measured(Path(folder), server, _QUICK if quick else _EACH)
    finally:
        server.close()


def _measured(folder: Path, server: PostgresServer, each: int) -> list[BenchRow]:
    active: dict[str, list[float]] = {"killed": [], "frozen": []}
    attended: dict[str, list[float]] = {"killed": [], "frozen": []}
    with pair(folder, server.new_database()) as both, _attending(folder, both) as agent:
        for _ in range(each):
            for how in ("killed", "frozen"):
                seconds = _one(both, agent, how)
                active[how].append(seconds[0])
                attended[how].append(seconds[1])
                print(f"  {how}: active after {seconds[0]:.1f} s, agent after {seconds[1]:.1f} s")
    rows = []
    for how in active:
        for what, found in (
            ("another is active", active[how]),
            ("the agent attends", attended[how]),
        ):
            within = sum(seconds <= _BUDGET_SECONDS for seconds in found)
            rows.append(
                BenchRow(
                    f"takeover: {how}, {what}",
                    f"{within} of {len(found)} within {_BUDGET_SECONDS:g} s; median "
                    f"{statistics.median(found):.1f} s, most {max(found):.1f} s",
                    f"all within {_BUDGET_SECONDS:g} s",
                    "",
                    ok=within == len(found),
                )
            )
    return rows


def _one(both: Pair, agent: "_Agent", how: str) -> tuple[float, float]:
    """Seconds until another is active, and until the agent attends it."""
    active, other = both.roles()
    wait_until(lambda: agent.attends(active), _PATIENCE_SECONDS)
    began = time.monotonic()
    active.send(signal.SIGKILL if how == "killed" else signal.SIGSTOP)
    wait_until(other.is_active, _PATIENCE_SECONDS)
    is_active = time.monotonic() - began
    wait_until(lambda: agent.attends(other), _PATIENCE_SECONDS)
    attends = time.monotonic() - began
    if how == "killed":
        active.end()
        active.start()
    else:
        active.send(signal.SIGCONT)
    wait_until(active.stands_by, _PATIENCE_SECONDS)
    return is_active, attends


class _Agent:
    """The agent's side of the wire, in a loop of its own."""

    def __init__(self, folder: Path, both: Pair) -> None:
        self._connected = False
        self._attendance = Attendance(
            addresses=Addresses([member.target for member in both.members]),
            tls=None,
            host=lambda: HostFacts(host="bench-1"),
            policy=Policy,
            spool=Spool(folder / "agent"),
            runs=HeldRuns(lambda _held: None),
            on_connected=self._hear,
        )

    def _hear(self, connected: bool) -> None:
        self._connected = connected

    def attends(self, member: Member) -> bool:
        """Whether it attends this one now."""
        return self._connected and self._attendance.addresses.current == member.target

    def run(self) -> None:
        """Until `stop`."""
        asyncio.run(self._run())

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._attendance.run()

    def stop(self) -> None:
        """From another thread."""
        self._loop.call_soon_threadsafe(self._attendance.stopping.set)


@contextmanager
def _attending(folder: Path, both: Pair) -> Iterator[_Agent]:
    agent = _Agent(folder, both)
    thread = threading.Thread(target=agent.run)
    thread.start()
    try:
        yield agent
    finally:
        agent.stop()
        thread.join()
