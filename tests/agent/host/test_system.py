"""Kernel, memory and switches of a host."""

import struct
from pathlib import Path

import pytest

from headstart.agent.host.cpu import UNKNOWN
from headstart.agent.host.system import (
    parse_meminfo,
    parse_memory_speed,
    parse_release,
    read_system,
    system_facts,
)
from support.hosts import GUEST, SERVER
from support.trees import write_tree

KIBIBYTE = 1024


def facts_of(root: Path) -> dict[str, str]:
    return {fact.name: fact.value for fact in system_facts(root, read_system(root))}


def test_a_server(tmp_path: Path) -> None:
    system = read_system(write_tree(tmp_path, SERVER))

    assert system.operating_system == "Ubuntu 24.04.1 LTS"
    assert system.kernel == "6.8.0-45-generic"
    assert system.cgroup_version == 2
    assert system.memory_bytes == 32595000 * KIBIBYTE
    assert system.memory_available_bytes == 30000000 * KIBIBYTE
    assert system.swap_total_bytes == 2097148 * KIBIBYTE
    assert system.swap_used_bytes == 0
    assert (system.clock_source, system.transparent_huge_pages) == ("tsc", "madvise")
    assert system.aslr == "2"
    assert not system.mitigations_off


def test_version_1_of_control_groups_is_recognised(tmp_path: Path) -> None:
    """Also where systemd mounts version 2 below, without controllers."""
    write_tree(tmp_path, {"sys/fs/cgroup/unified/cgroup.controllers": ""})

    assert read_system(tmp_path).cgroup_version == 1


def test_nothing_to_read_is_unknown_not_an_error(tmp_path: Path) -> None:
    system = read_system(tmp_path)

    assert (system.kernel, system.clock_source, system.aslr) == (UNKNOWN,) * 3
    assert system.memory_bytes == 0


def test_mitigations_are_off_only_when_the_kernel_was_told_so(tmp_path: Path) -> None:
    write_tree(tmp_path, {"proc/cmdline": "quiet mitigations=off\n"})
    assert read_system(tmp_path).mitigations_off

    write_tree(tmp_path, {"proc/cmdline": "quiet mitigations=auto,nosmt\n"})
    assert not read_system(tmp_path).mitigations_off


@pytest.mark.parametrize(("inode", "contained"), [(4026531836, False), (4026532448, True)])
def test_a_pid_namespace_of_a_container_is_noticed(
    inode: int, contained: bool, tmp_path: Path
) -> None:
    (tmp_path / "proc/self/ns").mkdir(parents=True)
    (tmp_path / "proc/self/ns/pid").symlink_to(f"pid:[{inode}]")

    assert read_system(tmp_path).in_pid_namespace is contained


def test_facts_leave_out_what_was_not_found(tmp_path: Path) -> None:
    guest = facts_of(write_tree(tmp_path / "guest", GUEST))
    server = facts_of(write_tree(tmp_path / "server", SERVER))

    assert "idle_driver" not in guest
    assert "memory_speed_transfers_per_second" not in guest
    assert server["idle_driver"] == "intel_idle"
    assert "isolated_cpus" not in server
    assert server["l1d_cache_bytes"] == str(2 * 32 * KIBIBYTE)
    assert server["swap_used_bytes"] == "0"


def test_only_vulnerabilities_that_concern_this_processor_are_named(tmp_path: Path) -> None:
    facts = facts_of(write_tree(tmp_path, SERVER))

    assert facts["vulnerability_spectre_v2"] == "Mitigation: Enhanced IBRS"
    assert "vulnerability_meltdown" not in facts


def test_meminfo_is_in_bytes_except_for_counts() -> None:
    assert parse_meminfo("MemTotal:  2 kB\nHugePages_Total:  3\nnonsense\n") == {
        "MemTotal": 2048,
        "HugePages_Total": 3,
    }


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (
            'ID=debian\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
            "Debian GNU/Linux 12 (bookworm)",
        ),
        ("PRETTY_NAME=Alpine\n", "Alpine"),
        ("", UNKNOWN),
    ],
)
def test_the_operating_system_is_its_pretty_name(text: str, name: str) -> None:
    assert parse_release(text) == name


def smbios(kind: int, fields: bytes, strings: bytes = b"DIMM A1\0") -> bytes:
    """One structure: type, length, handle, fields, strings, two zero bytes."""
    return bytes([kind, 4 + len(fields)]) + b"\0\0" + fields + strings + b"\0"


def memory_device(size: int, speed: int, configured: int) -> bytes:
    fields = bytearray(0x22 - 4)
    struct.pack_into("<H", fields, 0x0C - 4, size)
    struct.pack_into("<H", fields, 0x15 - 4, speed)
    struct.pack_into("<H", fields, 0x20 - 4, configured)
    return smbios(17, bytes(fields))


def test_the_speed_of_memory_is_that_of_the_slowest_device() -> None:
    table = (
        smbios(0, b"\1\2", b"\0")
        + memory_device(16384, 3200, 2933)
        + memory_device(16384, 3200, 2666)
        + memory_device(0, 1600, 1600)
        + smbios(127, b"", b"\0")
    )

    assert parse_memory_speed(table) == 2_666_000_000


@pytest.mark.parametrize(
    "table",
    [
        b"",
        b"\x11",
        b"\x11\x00\x00\x00\x00\x00",
        memory_device(16384, 0, 0),
        memory_device(16384, 3200, 2933)[:20],
    ],
)
def test_a_table_without_speeds_or_cut_short_tells_none(table: bytes) -> None:
    assert parse_memory_speed(table) == 0


def test_an_old_table_has_only_what_the_device_is_capable_of() -> None:
    fields = bytearray(0x1B - 4)
    struct.pack_into("<H", fields, 0x0C - 4, 4096)
    struct.pack_into("<H", fields, 0x15 - 4, 1333)

    assert parse_memory_speed(smbios(17, bytes(fields))) == 1_333_000_000
