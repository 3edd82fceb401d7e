"""The files that are written for a group's limits, and where none can be made."""

from pathlib import Path

import pytest

from headstart.agent.runtimes.process_cgroup import CgroupParent, Limits, ProcessCgroup
from support.trees import write_tree

LIMITS = Limits(memory_bytes=64 << 20, cpus=0.5, pids=100)


def limited(tmp_path: Path, version: int, files: list[str], limits: Limits) -> dict[str, str]:
    tree = write_tree(tmp_path, dict.fromkeys(files, ""))
    folders = {"": tree} if version == 2 else {k: tree / k for k in ("memory", "cpu", "pids")}
    ProcessCgroup(version, "app", folders).limit(limits)
    return {name: (tree / name).read_text() for name in files}


def test_version_2_limits(tmp_path: Path) -> None:
    files = ["memory.max", "memory.swap.max", "cpu.max", "pids.max"]

    assert limited(tmp_path, 2, files, LIMITS) == {
        "memory.max": "67108864",
        "memory.swap.max": "0",
        "cpu.max": "50000 100000",
        "pids.max": "100",
    }


def test_version_1_limits(tmp_path: Path) -> None:
    memory = ["memory/memory.limit_in_bytes", "memory/memory.memsw.limit_in_bytes"]
    cpu = ["cpu/cpu.cfs_period_us", "cpu/cpu.cfs_quota_us"]

    assert limited(tmp_path, 1, [*memory, *cpu, "pids/pids.max"], LIMITS) == {
        "memory/memory.limit_in_bytes": "67108864",
        "memory/memory.memsw.limit_in_bytes": "67108864",
        "cpu/cpu.cfs_period_us": "100000",
        "cpu/cpu.cfs_quota_us": "50000",
        "pids/pids.max": "100",
    }


def test_a_kernel_without_swap_accounting_is_no_fault(tmp_path: Path) -> None:
    limits = Limits(memory_bytes=64 << 20, cpus=0.0, pids=0)

    assert limited(tmp_path, 2, ["memory.max"], limits) == {"memory.max": "67108864"}


def test_without_a_writable_hierarchy_there_is_no_group(tmp_path: Path) -> None:
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(f"30 23 0:26 / {tmp_path}/absent rw - cgroup2 cgroup2 rw\n")
    without = CgroupParent.open("headstart-test", mountinfo)
    mountinfo.write_text("30 23 0:26 / /tmp rw - tmpfs tmpfs rw\n")

    assert without is None
    assert CgroupParent.open("headstart-test", mountinfo) is None


def test_version_2_turns_on_what_is_to_be_counted(tmp_path: Path) -> None:
    root = write_tree(
        tmp_path / "root",
        {
            "cgroup.subtree_control": "cpu memory\n",
            "headstart-test/cgroup.subtree_control": "cpu memory pids\n",
        },
    )
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(f"30 23 0:26 / {root} rw - cgroup2 cgroup2 rw\n")
    parent = CgroupParent.open("headstart-test", mountinfo)

    assert parent is not None
    assert parent.version == 2
    assert (root / "cgroup.subtree_control").read_text().startswith("+pids")
    enabled = root / "headstart-test/cgroup.subtree_control"
    assert enabled.read_text() == "cpu memory pids\n"


@pytest.mark.root
def test_a_group_holds_its_processes_until_it_is_removed() -> None:
    parent = CgroupParent.open("headstart-test-group")
    if parent is None:
        pytest.skip("this host permits no control groups")
    group = parent.group("app")
    group.make()
    listed = [each.name for each in parent.groups()]
    empty = group.pids()
    group.remove()
    group.remove()
    after = parent.groups()
    parent.close()

    assert listed == ["app"]
    assert (empty, after) == ([], [])
    assert not any(folder.exists() for folder in parent.folders.values())
