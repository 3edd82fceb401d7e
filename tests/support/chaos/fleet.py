"""A collector and agents to which things happen by a seed, each known by a certificate."""

import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

import grpc

from headstart.v1.experiments_pb2 import ListHostsRequest, ListRequest, RunState, RunSummary
from support.chaos.clocks import Clock, wall_clock
from support.chaos.collector_faults import OfCollectors
from support.chaos.host_faults import HostFaults
from support.chaos.hosts import Host
from support.chaos.judging import Verdict, judge
from support.chaos.links import Links, link
from support.chaos.operators import Operator, is_passing
from support.chaos.sites import collector_on_sqlite, collectors_on_postgresql
from support.chaos.submitting import CALL_SECONDS, OPEN, Submitter
from support.small_disk import small_disk
from support.waiting import wait_until

# Of a collector that is well, on a machine that may be busy.
_ANSWER_SECONDS = 60.0
# An agent takes runs while 64 MiB are free.
_AGENT_DISK_MIB = 160
# Below those that the kernel gives to connections: a port is free again after each restart.
_FIRST_PORT, _LAST_PORT = 20_000, 32_000


class Faults(Protocol):
    """What may happen to one part."""

    def all(self) -> Sequence[Callable[[], None]]: ...
    def tend(self) -> None: ...
    def heal(self) -> None: ...


class Chaos:
    """Made by `chaos`. `done` counts what happened."""

    def __init__(
        self,
        seed: int,
        pause: tuple[float, float],
        hosts: Sequence[Host],
        of_hosts: Sequence[HostFaults],
        of_collector: OfCollectors,
        submitter: Submitter,
        operator: Operator,
        done: Counter[str],
    ) -> None:
        self._seed = seed
        self._pause = pause
        self._hosts = hosts
        self._of_collector = of_collector
        self._faults: list[Faults] = [*of_hosts, of_collector]
        self._submitter = submitter
        self._operator = operator
        self._stop = threading.Event()
        self._errors: list[BaseException] = []
        self.done = done

    @property
    def accepted(self) -> int:
        """Submissions that were answered with a run so far."""
        return len(self._submitter.accepted)

    def run(self, seconds: float, tell: Callable[["Chaos"], None] | None = None) -> None:
        """Let things happen for so long; `tell` is called each minute. Raises what broke it."""
        works: list[Callable[[], None]] = [lambda: self._submitter.keep_busy(self._stop)]
        for number, faults in enumerate(self._faults):
            rng = random.Random(f"{self._seed} {number} order")
            works.append(lambda faults=faults, rng=rng: self._haunt(faults, rng))  # type: ignore[misc]
        threads = [threading.Thread(target=self._guarded, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self._stop.wait(min(left, 60.0)):
            if tell is not None and left > 60.0:
                tell(self)
        self._stop.set()
        for thread in threads:
            thread.join()
        if self._errors:
            raise self._errors[0]

    def settle(self, seconds: float) -> None:
        """Let everybody be well until no run is open. TimeoutError."""
        for faults in self._faults:
            faults.heal()
        for host in self._hosts:
            host.tend()
            wait_until(lambda host=host: self._submitter.submit(host), 60.0)  # type: ignore[misc]
        deadline = time.monotonic() + seconds
        while self._runs(OPEN) != []:
            if time.monotonic() > deadline:
                words = [f"{r.run_id} {RunState.Name(r.state)} {r.reason}" for r in self._open()]
                raise TimeoutError("not all runs ended:\n" + "\n".join(words))
            for host in self._hosts:
                host.tend()
            time.sleep(0.5)

    def judge(self) -> Verdict:
        """What became of all runs, once none is open. TimeoutError."""
        deadline = time.monotonic() + _ANSWER_SECONDS
        while (runs := self._runs(())) is None:
            if time.monotonic() > deadline:
                raise TimeoutError("nobody says what became of the runs")
        return judge(runs, self._submitter, self._of_collector.set_back, self._operator)

    @property
    def records(self) -> Path:
        """What the measured servers wrote."""
        return self._submitter.records

    def all_attend(self) -> bool:
        """Whether every host's agent is connected."""
        with self._operator.experiments() as stub:
            hosts = stub.ListHosts(ListHostsRequest(), timeout=CALL_SECONDS).hosts
        return sum(host.connected for host in hosts) == len(self._hosts)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # re-raised by `run`
            self._errors.append(error)
            self._stop.set()

    def _haunt(self, faults: Faults, rng: random.Random) -> None:
        plan: list[Callable[[], None]] = []
        while not self._stop.wait(rng.uniform(*self._pause)):
            faults.tend()
            # Each once before any comes again.
            plan = plan or rng.sample(faults.all(), len(faults.all()))
            happening = plan.pop()
            happening()
            self.done[happening.__name__] += 1

    def _open(self) -> list[RunSummary]:
        return self._runs(OPEN) or []

    def _runs(self, states: Sequence[RunState.ValueType]) -> list[RunSummary] | None:
        """All runs, or those in these states; None: nobody says so now."""
        found: list[RunSummary] = []
        try:
            with self._operator.experiments() as stub:
                for host in self._hosts:
                    request = ListRequest(host=host.name, states=states, limit=1000)
                    found += stub.List(request, timeout=CALL_SECONDS).runs
        except grpc.RpcError as error:
            if not is_passing(error):
                raise
            return None
        return found


@contextmanager
def chaos(
    folder: Path,
    seed: int,
    hosts: int = 2,
    pause: tuple[float, float] = (0.5, 3.0),
    store: str = "sqlite",
) -> Iterator[Chaos]:
    """Agents that were enrolled, each with a small disk of its own; needs root.

    `store`: "sqlite" has one collector, "postgresql" two that take turns.

    `pause` is how many seconds pass between what happens to one of them, least and most.
    """
    ports = _ports()
    done: Counter[str] = Counter()
    with ExitStack() as stack:
        policy = folder / "policy.toml"
        policy.write_text("commands = true\n")
        library = wall_clock(folder)
        rng = random.Random(seed)
        make = collectors_on_postgresql if store == "postgresql" else collector_on_sqlite
        site = make(folder, stack, ports, random.Random(rng.random()), library)
        operator = Operator(folder / "operator", site.sockets, site.log, site.targets)
        made = []
        for number in range(1, hosts + 1):
            name = f"h{number}"
            host = Host(
                name,
                stack.enter_context(small_disk(folder / name, _AGENT_DISK_MIB)),
                policy,
                next(ports),
                folder / f"{name}.log",
                Clock(folder / f"{name}.clock", library),
                Links([stack.enter_context(link(port)) for port in site.ports]),
                operator,
                done,
            )
            stack.callback(host.clock.close)
            stack.callback(host.end)
            stack.callback(host.end_copies)
            host.enroll()
            host.start()
            made.append(host)
        of_hosts = [HostFaults(host, folder, random.Random(rng.random())) for host in made]
        submitter = Submitter(made, operator, folder, random.Random(rng.random()), done)
        found = Chaos(seed, pause, made, of_hosts, site.faults, submitter, operator, done)
        wait_until(found.all_attend, seconds=60.0)
        yield found


def _ports() -> Iterator[int]:
    """Ports that nobody uses now, another one each time."""
    for port in random.sample(range(_FIRST_PORT, _LAST_PORT), _LAST_PORT - _FIRST_PORT):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        yield port
