"""What a processor is, read from trees of different machines."""

from pathlib import Path

import pytest

from headstart.agent.host.cpu import (
    UNKNOWN,
    cache_bytes,
    hypervisor,
    parse_cpuinfo,
    parse_size,
    read_cpu,
    read_places,
)
from headstart.v1.host_pb2 import Cpu
from support.hosts import GUEST, SERVER, SERVER_CPUINFO
from support.trees import write_tree

CPUS = "sys/devices/system/cpu"


def test_a_server_of_bare_metal(tmp_path: Path) -> None:
    assert read_cpu(write_tree(tmp_path, SERVER)) == Cpu(
        model="Intel(R) Xeon(R) Gold 6230 CPU @ 2.10GHz",
        microcode="0x5003604",
        sockets=2,
        cores=2,
        threads=4,
        numa_nodes=2,
        l3_cache_bytes=2 * 28160 * 1024,
        governor="performance",
        turbo="off",
        smt="on",
        virtualisation="none",
        frequency_max_hertz=3.9e9,
    )


def test_a_guest_that_shows_little(tmp_path: Path) -> None:
    assert read_cpu(write_tree(tmp_path, GUEST)) == Cpu(
        model="AMD EPYC",
        microcode=UNKNOWN,
        sockets=1,
        cores=2,
        threads=2,
        governor=UNKNOWN,
        turbo=UNKNOWN,
        smt="off",
        virtualisation="kvm",
    )


def test_nothing_to_read_is_unknown_not_an_error(tmp_path: Path) -> None:
    cpu = read_cpu(tmp_path)

    assert (cpu.model, cpu.governor, cpu.turbo, cpu.smt) == (UNKNOWN,) * 4
    assert cpu.threads == 0


def test_this_machine_has_a_processor() -> None:
    cpu = read_cpu()

    assert cpu.threads >= cpu.cores >= cpu.sockets >= 1
    assert cpu.model != UNKNOWN


def test_only_the_first_processor_of_cpuinfo_is_read() -> None:
    info = parse_cpuinfo(SERVER_CPUINFO)

    assert info.model == "Intel(R) Xeon(R) Gold 6230 CPU @ 2.10GHz"
    assert info.signature == "family 6 model 85 stepping 7"
    assert not info.in_guest


def test_a_cpu_that_is_offline_has_no_place(tmp_path: Path) -> None:
    write_tree(tmp_path, {**SERVER, f"{CPUS}/online": "0-1,3\n"})

    assert sorted(read_places(tmp_path)) == [0, 1, 3]


def test_instruction_caches_do_not_count_as_data_caches(tmp_path: Path) -> None:
    assert cache_bytes(write_tree(tmp_path, SERVER), 1) == 2 * 32 * 1024


@pytest.mark.parametrize(
    ("text", "size"), [("32768K", 32 << 20), ("4M", 4 << 20), ("512", 512), ("", 0), ("many", 0)]
)
def test_sizes_of_caches(text: str, size: int) -> None:
    assert parse_size(text) == size


def test_governors_that_differ_are_all_named(tmp_path: Path) -> None:
    write_tree(tmp_path, {**SERVER, f"{CPUS}/cpu3/cpufreq/scaling_governor": "powersave\n"})

    assert read_cpu(tmp_path).governor == "performance,powersave"


@pytest.mark.parametrize(
    ("files", "turbo"),
    [
        ({f"{CPUS}/intel_pstate/no_turbo": "0\n"}, "on"),
        ({f"{CPUS}/intel_pstate/no_turbo": "1\n"}, "off"),
        ({f"{CPUS}/cpufreq/boost": "1\n"}, "on"),
        ({f"{CPUS}/cpufreq/boost": "0\n"}, "off"),
        ({f"{CPUS}/cpufreq/policy0/boost": "0\n"}, "off"),
        ({f"{CPUS}/cpufreq/policy0/boost": "0\n", f"{CPUS}/cpufreq/policy1/boost": "1\n"}, "on"),
        ({}, UNKNOWN),
    ],
)
def test_turbo_has_a_switch_for_each_driver(
    files: dict[str, str], turbo: str, tmp_path: Path
) -> None:
    assert read_cpu(write_tree(tmp_path, files)).turbo == turbo


@pytest.mark.parametrize(
    ("in_guest", "firmware", "clocks", "xen", "name"),
    [
        (False, "Dell Inc. PowerEdge", "tsc hpet", False, "none"),
        # The metal instances of a cloud carry its name too.
        (False, "Amazon EC2 m5.metal", "tsc", False, "none"),
        (False, "", "xen tsc", True, "xen"),
        (True, "Amazon EC2 m5.large", "kvm-clock tsc", False, "kvm (Amazon EC2)"),
        (True, "Google Google Compute Engine", "kvm-clock", False, "kvm (Google)"),
        (True, "Microsoft Corporation Virtual Machine", "hyperv", False, "hyper-v"),
        (True, "VMware, Inc. VMware7,1", "tsc", False, "vmware"),
        (True, "innotek GmbH VirtualBox", "kvm-clock", False, "virtualbox"),
        (True, "QEMU Standard PC", "tsc", False, "kvm"),
        (True, " ", "tsc kvm-clock", False, "kvm"),
        (True, " ", "hyperv_clocksource_tsc_page", False, "hyper-v"),
        (True, " ", "tsc", False, UNKNOWN),
    ],
)
def test_the_hypervisor_is_named(
    in_guest: bool, firmware: str, clocks: str, xen: bool, name: str
) -> None:
    assert hypervisor(in_guest, firmware, clocks, xen) == name
