"""What the kernel says; names in it (a process's, a mount's) are an app's choice."""

import shutil
import tempfile
from pathlib import Path

from fuzz.target import Table
from headstart.agent.host.cpu import parse_cpuinfo, parse_size
from headstart.agent.linux.cgroup import parse_pids, parse_table, split_v1, split_v2
from headstart.agent.linux.cgroup_paths import parse_cgroup, parse_mounts
from headstart.agent.linux.exit_accounting import attributes, high_water
from headstart.agent.linux.proc_connector import parse
from headstart.agent.runtimes.launch_gate import GateFolder
from headstart.agent.sampling.memory import parse_status
from headstart.agent.untrusted.disk import writable

TABLE = Table()


@TABLE.add("the kernel, with an app's names in it", ValueError)
def proc_status(data: bytes) -> None:
    parse_status(_kernels(data))


@TABLE.add("the kernel, with an app's paths in it", ValueError, OSError)
def proc_mounts(data: bytes) -> None:
    mounts, _, membership = _kernels(data).partition("\0")
    parse_cgroup(membership, parse_mounts(mounts))
    writable(mounts)


@TABLE.add("the kernel", ValueError)
def cgroup_files(data: bytes) -> None:
    stat = parse_table(_kernels(data))
    split_v1(stat, 0)
    split_v2(stat)
    parse_size(_kernels(data).strip())
    parse_cpuinfo(_kernels(data))


@TABLE.add("the kernel", ValueError)
def cgroup_pids(data: bytes) -> None:
    parse_pids(data)


@TABLE.add("the kernel, over netlink")
def netlink(data: bytes) -> None:
    list(attributes(data))
    high_water(data)
    list(parse(data))


@TABLE.add("the app, in the folder of its launch gate", most_bytes=256)
def gate_stamp(data: bytes) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        (folder / "stamp").write_bytes(data)
        gate = GateFolder.__new__(GateFolder)
        gate.path = folder
        if (stamps := gate.stamps()) is not None:
            str(stamps.reason)
    finally:
        shutil.rmtree(folder)


def _kernels(data: bytes) -> str:
    return data.decode("utf-8", "replace")
