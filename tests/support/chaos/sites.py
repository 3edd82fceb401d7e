"""Where runs are taken: one collector on SQLite, or two on one PostgreSQL database."""

import random
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from headstart.collector.config import CollectorConfig, IdentitySettings, Timing
from support.chaos.clocks import Clock
from support.chaos.collector_faults import CollectorFaults, OfCollectors
from support.chaos.links import link
from support.chaos.pair_faults import PairFaults, PairMember
from support.collector_process import CollectorProcess
from support.postgres_server import PostgresServer
from support.small_disk import small_disk

_TIMING = Timing(heartbeat_seconds=0.5, lease_seconds=8.0, tick_seconds=0.2)
# Renewed every minute.
_CERTIFICATE_SECONDS = 120.0
_COLLECTOR_DISK_MIB = 256


@dataclass(frozen=True)
class Site:
    """`ports` are those of agents; `targets` what an operator asks for the active one."""

    ports: Sequence[int]
    sockets: Sequence[str]
    targets: Sequence[str]
    log: Path
    faults: OfCollectors


def _config(data: Path, socket: str, ports: Iterator[int]) -> CollectorConfig:
    return CollectorConfig(
        data=data,
        listen=(f"127.0.0.1:{next(ports)}", socket),
        identity=IdentitySettings(
            advertise=("127.0.0.1",),
            enroll_listen=f"127.0.0.1:{next(ports)}",
            client_seconds=_CERTIFICATE_SECONDS,
        ),
        timing=_TIMING,
        confirm_regressions=False,
    )


def _port(config: CollectorConfig) -> int:
    return int(config.addresses[0].rpartition(":")[2])


def collector_on_sqlite(
    folder: Path,
    stack: ExitStack,
    ports: Iterator[int],
    rng: random.Random,
    library: Path | None,
) -> Site:
    """On a small disk, and with a clock of its own."""
    disk = stack.enter_context(small_disk(folder / "collector", _COLLECTOR_DISK_MIB))
    # Outside of what is set back, and short: a socket's path has 107 bytes.
    socket = f"unix:{folder / 'c.sock'}"
    clock = Clock(folder / "collector.clock", library)
    stack.callback(clock.close)
    config = _config(disk / "store", socket, ports)
    log = folder / "collector.log"
    collector = CollectorProcess(config, env=clock.env, log=log)
    stack.callback(collector.kill)
    faults = CollectorFaults(collector, disk, clock, folder, rng)
    return Site((_port(config),), (socket,), (), log, faults)


def collectors_on_postgresql(
    folder: Path,
    stack: ExitStack,
    ports: Iterator[int],
    rng: random.Random,
    _library: Path | None,
) -> Site:
    """Each with a way of its own to the database, which can be cut."""
    # What is acknowledged has to outlive a crash of the database.
    server = PostgresServer({"fsync": "on", "full_page_writes": "on"})
    stack.callback(server.close)
    server.start()
    server.sql("CREATE DATABASE chaos")
    log = folder / "collector.log"
    members: list[PairMember] = []
    configs: list[CollectorConfig] = []
    for name in ("one", "two"):
        way = stack.enter_context(link(server.folder / ".s.PGSQL.5432"))
        config = replace(
            _config(folder / name, f"unix:{folder / name}.sock", ports),
            store=f"postgresql://tester@127.0.0.1:{way.port}/chaos",
            stand_by=True,
        )
        if configs:
            # As docs/STANDBY.md has it: the same authority.
            shutil.copytree(configs[0].identity_folder, config.identity_folder)
            (config.identity_folder / "server.pem").unlink()
        collector = CollectorProcess(config, log=log)
        stack.callback(collector.kill)
        members.append(PairMember(collector, way))
        configs.append(config)
    return Site(
        [_port(config) for config in configs],
        [config.addresses[1] for config in configs],
        [config.addresses[0] for config in configs],
        log,
        PairFaults(members, server, log, rng),
    )
