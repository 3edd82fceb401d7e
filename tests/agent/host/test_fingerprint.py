"""The fingerprint changes with what makes figures incomparable, and with nothing else."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from headstart.agent.host.cpu import read_cpu, read_signature
from headstart.agent.host.fingerprint import (
    fingerprint,
    fingerprint_inputs,
    installed_bytes,
    major_minor,
)
from headstart.agent.host.system import read_system
from headstart.v1.host_pb2 import Fact
from support.hosts import SERVER
from support.trees import write_tree

CPUS = "sys/devices/system/cpu"
GIBIBYTE = 1 << 30


def fingerprint_of(root: Path, changed: Mapping[str, str] | None = None) -> str:
    write_tree(root, {**SERVER, **(changed or {})})
    return fingerprint(fingerprint_inputs(read_cpu(root), read_signature(root), read_system(root)))


def test_it_is_the_same_for_every_release_of_the_agent(tmp_path: Path) -> None:
    """When this fails, _SCHEME has to count up: histories would mix."""
    assert fingerprint_of(tmp_path) == "a2a81bc238a4"


@pytest.mark.parametrize(
    "changed",
    [
        # A reboot: other load, other free memory, swap used or not.
        {"proc/stat": "cpu  1 2 3 4 5 6 7 8 9 10\n", "proc/loadavg": "9 9 9 1/1 1\n"},
        # A kernel update that keeps a little more memory for itself.
        {
            "proc/sys/kernel/osrelease": "6.8.0-48-generic\n",
            "proc/meminfo": "MemTotal: 32101000 kB\nMemAvailable: 1 kB\nSwapTotal: 0 kB\n",
        },
        {"proc/cpuinfo": SERVER["proc/cpuinfo"].replace("0x5003604", "0x5003707")},
        {f"{CPUS}/vulnerabilities/new_one": "Mitigation: Clear buffers\n"},
        {"etc/os-release": 'PRETTY_NAME="Ubuntu 24.04.2 LTS"\n'},
        {"sys/class/dmi/id/product_name": "PowerEdge R740\n"},
        {"proc/sys/kernel/randomize_va_space": "0\n"},
    ],
)
def test_it_outlives_reboots_and_updates(changed: dict[str, str], tmp_path: Path) -> None:
    before = fingerprint_of(tmp_path)

    assert fingerprint_of(tmp_path, changed) == before


@pytest.mark.parametrize(
    "changed",
    [
        {"proc/cpuinfo": SERVER["proc/cpuinfo"].replace("Gold 6230", "Gold 6240")},
        {"proc/cpuinfo": SERVER["proc/cpuinfo"].replace(": 85", ": 106")},
        {f"{CPUS}/online": "0-1\n"},
        {f"{CPUS}/cpu{cpu}/cpufreq/scaling_governor": "powersave\n" for cpu in range(4)},
        {f"{CPUS}/intel_pstate/no_turbo": "0\n"},
        {f"{CPUS}/cpu0/cache/index3/size": "1024K\n", f"{CPUS}/cpu2/cache/index3/size": "1024K\n"},
        {"proc/meminfo": "MemTotal: 65190000 kB\n"},
        {"proc/sys/kernel/osrelease": "6.11.0-9-generic\n"},
        {"sys/kernel/mm/transparent_hugepage/enabled": "[always] madvise never\n"},
        {"proc/cmdline": "mitigations=off\n"},
        {"sys/devices/system/node/node2/cpulist": "\n"},
    ],
)
def test_it_changes_with_what_moves_figures(changed: dict[str, str], tmp_path: Path) -> None:
    before = fingerprint_of(tmp_path)

    assert fingerprint_of(tmp_path, changed) != before


def test_it_is_short_and_depends_on_names_and_values() -> None:
    one = fingerprint([Fact(name="a", value="bc")])

    assert len(one) == 12
    assert set(one) <= set("0123456789abcdef")
    assert one != fingerprint([Fact(name="ab", value="c")])
    assert one == fingerprint([Fact(name="a", value="bc")])


@pytest.mark.parametrize(
    ("total", "installed"),
    [
        (23.54, 24),
        (23.1, 24),
        (31.2, 32),
        (31.0, 32),
        (62.5, 64),
        (125.6, 128),
        (7.6, 8),
        (0.96, 1),
    ],
)
def test_memory_counts_as_it_was_bought(total: float, installed: float) -> None:
    assert installed_bytes(int(total * GIBIBYTE)) == installed * GIBIBYTE


@pytest.mark.parametrize("nothing", [0, 1, 7])
def test_memory_that_cannot_be_read_stays_as_it_is(nothing: int) -> None:
    assert installed_bytes(nothing) == nothing


def test_a_kernel_counts_by_its_release() -> None:
    assert major_minor("6.18.44-generic") == "6.18"
    assert major_minor("unknown") == "unknown"
