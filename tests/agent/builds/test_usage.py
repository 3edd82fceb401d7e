"""What a build uses, seen in the groups of its steps, on fixture trees of /proc and /sys."""

from pathlib import Path

import pytest

from headstart.agent.builds.usage import BUILDKIT, Usage
from support.trees import write_tree

STEP = "docker/54e6033e145b00"
CONTAINER = "b7ad4bb2f2c6c7f9f10a36b9a1bbc4e27b1c4ae0a1cd1b05d4a0f4ed3cb2a6f1"
GROUP = {
    f"memory/{STEP}/memory.usage_in_bytes": "700\n",
    f"memory/{STEP}/memory.max_usage_in_bytes": "900\n",
    f"memory/{STEP}/memory.stat": "total_rss 500\ntotal_cache 200\nrss 500\ncache 200\n",
    f"cpuacct/{STEP}/cpuacct.usage": "2500000000\n",
    f"pids/{STEP}/cgroup.procs": "41\n42\n",
    "cpuacct/cpuacct.usage": "9000000000000\n",
    "memory/memory.max_usage_in_bytes": "8000000000\n",
    "memory/memory.usage_in_bytes": "8000000000\n",
    "pids/cgroup.procs": "1\n7\n",
}


def write_process(root: Path, pid: int, memory: str, cpu: str, name: str = "ilc") -> None:
    groups = f"4:memory:/{memory}\n3:pids:/{STEP}\n2:cpuacct:/{cpu}\n"
    write_tree(root / "proc", {f"{pid}/cgroup": groups, f"{pid}/comm": f"{name}\n"})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_tree(tmp_path / "sys", GROUP)
    mounts = "".join(
        f"30 25 0:26 / {tmp_path}/sys/{name} rw - cgroup cgroup rw,{name}\n"
        for name in ("memory", "cpuacct", "pids")
    )
    write_tree(tmp_path / "proc", {"self/mountinfo": mounts})
    write_process(tmp_path, 7, "", "", "systemd")
    return tmp_path


def test_a_step_is_found_by_its_processes_and_read(root: Path) -> None:
    usage = Usage(root / "proc")
    usage.marks.add("54e6033e145b")
    before = usage.look()
    write_process(root, 41, STEP, STEP)
    write_process(root, 42, STEP, STEP, "dotnet")
    names = usage.look()

    assert before == set()
    assert names == {"ilc", "dotnet"}
    assert (usage.peak_bytes, usage.anonymous_peak_bytes) == (900, 500)
    assert usage.cpu_seconds() == 2.5
    usage.close()


def test_a_process_that_has_joined_only_some_of_its_groups_is_looked_at_again(root: Path) -> None:
    usage = Usage(root / "proc")
    usage.marks.add("54e6033e145b")
    write_process(root, 41, STEP, "")
    early = (usage.look(), usage.cpu_seconds(), usage.peak_bytes)
    write_process(root, 41, STEP, STEP)
    late = (usage.look(), usage.cpu_seconds(), usage.peak_bytes)

    assert early == (set(), 0.0, 0)
    assert late == ({"ilc"}, 2.5, 900)
    usage.close()


def test_what_was_used_stays_counted_when_a_step_is_over(root: Path) -> None:
    usage = Usage(root / "proc")
    usage.marks.add("54e6033e145b")
    write_process(root, 41, STEP, STEP)
    usage.look()
    (root / "sys" / "pids" / STEP / "cgroup.procs").unlink()
    names = usage.look()

    assert names == set()
    assert usage.cpu_seconds() == 2.5
    usage.close()


def test_processes_of_others_are_not_the_builds(root: Path) -> None:
    usage = Usage(root / "proc")
    usage.marks.add(BUILDKIT)
    write_process(root, 41, STEP, STEP)

    assert usage.look() == set()
    assert (usage.peak_bytes, usage.cpu_seconds()) == (0, 0.0)
    usage.close()


@pytest.mark.parametrize(
    ("path", "found"),
    [
        # The first two as Docker 20.10 names them on Linux 6.12: cgroupfs, systemd.
        ("docker/buildkit/acxihuafjdqkt2362rk3n320x", {"ilc"}),
        ("system.slice/system.slice:docker:acxihuafjdqkt2362rk3n320x", {"ilc"}),
        ("system.slice/docker-acxihuafjdqkt2362rk3n320x.scope", {"ilc"}),
        # A container beside the build.
        (f"docker/{CONTAINER}", set()),
        (f"system.slice/docker-{CONTAINER}.scope", set()),
    ],
)
def test_a_step_of_buildkit_is_known_by_the_path_of_its_group(
    tmp_path: Path, path: str, found: set[str]
) -> None:
    group = {
        "memory.current": "700\n",
        "memory.peak": "900\n",
        "memory.stat": "anon 500\nfile 200\nkernel 100\n",
        "cpu.stat": "usage_usec 2500000\n",
        "cgroup.procs": "41\n",
    }
    write_tree(tmp_path / "sys" / path, group)
    mounts = f"30 25 0:26 / {tmp_path}/sys rw - cgroup2 cgroup2 rw\n"
    processes = {"41/cgroup": f"0::/{path}\n", "41/comm": "ilc\n"}
    write_tree(tmp_path / "proc", {"self/mountinfo": mounts})
    usage = Usage(tmp_path / "proc")
    usage.marks.add(BUILDKIT)
    write_tree(tmp_path / "proc", processes)

    assert usage.look() == found
    assert usage.peak_bytes == (900 if found else 0)
    assert usage.anonymous_peak_bytes == (500 if found else 0)
    assert usage.cpu_seconds() == (2.5 if found else 0.0)
    usage.close()
