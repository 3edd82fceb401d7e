"""Both versions of control groups give the same readings; what is missing is None."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from headstart.agent.linux.cgroup import (
    Cgroup,
    CgroupV2,
    MemorySplit,
    PeakSince,
    open_cgroup,
    parse_pids,
    parse_table,
    split_v1,
    split_v2,
    v1_controller,
)
from headstart.agent.linux.cgroup_paths import find_cgroup
from headstart.agent.runtimes.launch_gate import GateFolder, gate_binary
from headstart.agent.runtimes.process_cgroup import CgroupParent, ProcessCgroup
from support.programs import Puppet, puppet
from support.trees import write_tree

V1 = {
    "memory/g/memory.usage_in_bytes": "524288\n",
    "memory/g/memory.max_usage_in_bytes": "4341760\n",
    "memory/g/memory.kmem.usage_in_bytes": "299008\n",
    "memory/g/memory.stat": "cache 1\nrss 2\ntotal_cache 4096\ntotal_rss 98304\n",
    "memory/g/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n",
    "cpuacct/g/cpuacct.usage": "123456789\n",
    "cpu/g/cpu.stat": "nr_periods 10\nnr_throttled 2\nthrottled_time 5000000\n",
    "pids/g/cgroup.procs": "12\n34\n",
}
V2 = {
    "g/memory.current": "524288\n",
    "g/memory.peak": "4341760\n",
    "g/memory.stat": "anon 98304\nfile 4096\nkernel 299008\nkernel_stack 16384\n",
    "g/memory.events": "low 0\nhigh 0\nmax 5\noom 3\noom_kill 3\noom_group_kill 0\n",
    "g/cpu.stat": "usage_usec 123456\nuser_usec 1\nsystem_usec 2\nthrottled_usec 5000\n",
    "g/cgroup.procs": "12\n34\n",
}


def v1_group(root: Path) -> Cgroup:
    return Cgroup(1, root / "memory/g", root / "cpuacct/g", root / "pids/g")


def v2_group(root: Path) -> Cgroup:
    return Cgroup(2, root / "g", root / "g", root / "g")


@pytest.fixture(params=[1, 2])
def group(request: pytest.FixtureRequest, tmp_path: Path) -> Cgroup:
    """The same group, as either version tells of it."""
    if request.param == 1:
        write_tree(tmp_path, V1)
        return v1_group(tmp_path)
    write_tree(tmp_path, V2)
    return v2_group(tmp_path)


def test_both_versions_tell_the_same_of_the_same_group(group: Cgroup) -> None:
    reader = open_cgroup(group)

    assert reader.pids() == [12, 34]
    assert reader.memory_bytes() == 524288
    assert reader.memory_split() == MemorySplit(98304, 4096, 299008)
    assert reader.peak_bytes() == 4341760
    assert (reader.cpu_ns() or 0) // 1000 == 123456
    assert reader.throttled_ns() == 5_000_000
    assert reader.oom_kills() == 3

    reader.close()


def test_a_reading_is_the_value_now_not_that_of_the_opening(group: Cgroup) -> None:
    reader = open_cgroup(group)
    assert group.memory is not None
    name = "memory.current" if group.version == 2 else "memory.usage_in_bytes"

    (group.memory / name).write_text("1048576\n")

    assert reader.memory_bytes() == 1048576
    reader.close()


def test_a_closed_reader_answers_none(group: Cgroup) -> None:
    reader = open_cgroup(group)

    reader.close()
    reader.close()

    assert reader.memory_bytes() is None
    assert reader.pids() is None
    assert reader.memory_split() is None
    assert not reader.reset_peak()


@pytest.mark.parametrize("version", [1, 2])
def test_what_the_kernel_does_not_offer_is_none(version: int, tmp_path: Path) -> None:
    reader = open_cgroup(Cgroup(version, tmp_path, tmp_path, tmp_path))

    assert reader.pids() is None
    assert reader.memory_bytes() is None
    assert reader.memory_split() is None
    assert reader.peak_bytes() is None
    assert reader.cpu_ns() is None
    assert reader.throttled_ns() is None
    assert reader.oom_kills() is None
    assert not reader.reset_peak()


@pytest.mark.parametrize("version", [1, 2])
def test_a_group_without_folders_has_no_readings(version: int) -> None:
    reader = open_cgroup(Cgroup(version, None, None, None))

    assert reader.pids() is None
    assert reader.cpu_ns() is None


def test_version_1_finds_cpu_and_cpuacct_mounted_together_or_apart(tmp_path: Path) -> None:
    write_tree(tmp_path, {"cpu/docker/a/cpu.stat": "", "cpuacct/docker/a/cpuacct.usage": "1"})
    write_tree(
        tmp_path, {"both/cpu,cpuacct/a/cpu.stat": "", "both/cpu,cpuacct/a/cpuacct.usage": ""}
    )
    together = tmp_path / "both/cpu,cpuacct/a"

    assert v1_controller(tmp_path / "cpu/docker/a", "cpuacct.usage") == tmp_path / (
        "cpuacct/docker/a"
    )
    assert v1_controller(tmp_path / "cpuacct/docker/a", "cpu.stat") == tmp_path / "cpu/docker/a"
    assert v1_controller(together, "cpu.stat") == together
    assert v1_controller(None, "cpu.stat") is None


def test_version_1_counts_the_groups_below_where_the_kernel_does() -> None:
    assert split_v1({"rss": 1, "cache": 2}, 3) == MemorySplit(1, 2, 3)
    assert split_v1({"rss": 1, "cache": 2, "total_rss": 10, "total_cache": 20}, 3) == MemorySplit(
        10, 20, 3
    )


def test_version_2_adds_up_the_kernel_memory_of_kernels_before_5_18() -> None:
    stat = {"anon": 1, "file": 2, "kernel_stack": 4, "pagetables": 8, "slab": 16, "sock": 1000}

    assert split_v2(stat) == MemorySplit(1, 2, 28)


def test_lines_that_are_no_key_and_number_are_left_out() -> None:
    assert parse_table("usage_usec 5\nmax max\nN0=1 N1=2\n\n") == {"usage_usec": 5}


def test_processes_outside_of_our_pid_namespace_are_left_out() -> None:
    assert parse_pids(b"0\n17\n") == [17]
    assert parse_pids(b"") == []
    assert parse_pids(None) is None


@pytest.fixture
def inhabited() -> Iterator[tuple[ProcessCgroup, Puppet]]:
    """A real group of this host with one process in it."""
    parent = CgroupParent.open(f"headstart-test-{uuid4().hex[:8]}")
    if parent is None:
        pytest.skip("this host lets us make no control group")
    group = parent.group("t")
    group.make()
    try:
        with puppet() as doll:
            group.place(doll.pid)
            yield group, doll
    finally:
        group.remove()
        parent.close()


@pytest.mark.root
def test_a_real_group_counts_memory_processes_and_cpu(
    inhabited: tuple[ProcessCgroup, Puppet],
) -> None:
    group, doll = inhabited
    reader = open_cgroup(group.facts)
    before, cpu_before = reader.memory_bytes(), reader.cpu_ns()
    assert before is not None
    assert cpu_before is not None

    doll.tell("touch(32)")
    child = int(doll.tell("child(0.05)"))

    after, split, cpu_after = reader.memory_bytes(), reader.memory_split(), reader.cpu_ns()
    assert after is not None
    assert split is not None
    assert cpu_after is not None
    assert after - before >= 32 << 20
    assert split.anonymous_bytes >= 32 << 20
    assert sorted(reader.pids() or []) == sorted([doll.pid, child])
    assert cpu_after - cpu_before >= 50_000_000
    assert reader.oom_kills() == 0
    assert reader.throttled_ns() == 0
    doll.tell("reap()")
    reader.close()


@pytest.mark.root
def test_a_process_that_came_between_two_readings_is_told_of(
    inhabited: tuple[ProcessCgroup, Puppet],
) -> None:
    group, doll = inhabited
    reader = open_cgroup(group.facts)
    before = reader.pids()
    child = int(doll.tell("child(0)"))
    after = reader.pids()
    doll.tell("reap()")
    reader.close()

    assert before == [doll.pid]
    assert sorted(after or []) == sorted([doll.pid, child])


def test_a_mark_that_cannot_be_reset_counts_once_it_rose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Figures of a container on Linux 6.1: the engine's start, then a job of 24 MiB in it."""
    write_tree(tmp_path, {**V2, "g/memory.peak": "6774784\n"})
    reader = open_cgroup(v2_group(tmp_path))
    # A file would take what the kernel refuses.
    monkeypatch.setattr(CgroupV2, "reset_peak", lambda _reader: False)
    since = PeakSince(reader)
    since.begin()
    before = since.bytes()
    write_tree(tmp_path, {"g/memory.peak": "25542656\n"})
    risen = since.bytes()
    since.begin()
    after = since.bytes()
    reader.close()

    assert (before, risen, after) == (None, 25542656, None)


@pytest.mark.root
def test_the_peak_of_a_real_group_begins_anew_after_a_reset(
    inhabited: tuple[ProcessCgroup, Puppet],
) -> None:
    group, doll = inhabited
    reader = open_cgroup(group.facts)
    doll.tell("touch(64)")
    doll.tell("free()")
    assert (reader.peak_bytes() or 0) >= 64 << 20

    if not reader.reset_peak():
        pytest.skip("this kernel cannot reset the peak")
    doll.tell("touch(8)")

    assert 8 << 20 <= (reader.peak_bytes() or 0) < 64 << 20
    reader.close()


@pytest.mark.root
def test_readings_of_a_removed_group_are_none(inhabited: tuple[ProcessCgroup, Puppet]) -> None:
    group, _ = inhabited
    reader = open_cgroup(group.facts)

    group.remove()

    assert reader.pids() is None
    assert reader.memory_bytes() is None
    assert reader.cpu_ns() is None
    reader.close()


@pytest.mark.docker
def test_the_engines_own_peak_is_gone_after_a_reset(
    blocked_container: int,
) -> None:
    """runc needs some MB in the container's group before the app is there."""
    cgroup = find_cgroup(blocked_container)
    if cgroup is None:
        pytest.skip("the engine's control groups cannot be seen from here")
    reader = open_cgroup(cgroup)
    peak = reader.peak_bytes()
    assert peak is not None

    if not reader.reset_peak():
        pytest.skip("this kernel cannot reset the peak")

    assert reader.pids() == [blocked_container]
    assert (reader.memory_bytes() or 0) <= (reader.peak_bytes() or 0)
    assert (reader.peak_bytes() or 0) < peak
    reader.close()


@pytest.fixture
def blocked_container(tmp_path: Path) -> Iterator[int]:
    """Pid of a container, FROM scratch, whose one process waits in the gate."""
    import docker

    folder = GateFolder.make(tmp_path)
    client = docker.from_env()
    build = tmp_path / "image"
    build.mkdir()
    image = f"headstart-test:{uuid4().hex[:8]}"
    write_tree(build, {"Dockerfile": "FROM scratch\nLABEL headstart.test=cgroup\n"})
    client.images.build(path=str(build), tag=image, rm=True, forcerm=True)
    binary = gate_binary()
    container = client.containers.run(
        image,
        entrypoint=["/gate", "/gate.d", "/gate"],
        volumes={
            str(binary): {"bind": "/gate", "mode": "ro"},
            str(folder.path): {"bind": "/gate.d", "mode": "rw"},
        },
        network_mode="none",
        labels={"headstart.test": "cgroup"},
        detach=True,
    )
    try:
        assert folder.wait_blocked(20, lambda: True)
        container.reload()
        yield int(container.attrs["State"]["Pid"])
    finally:
        container.remove(force=True)
        client.images.remove(image, force=True)
        client.close()
        folder.close()


def test_a_split_that_lacks_a_part_is_none() -> None:
    assert split_v1({"rss": 1}, 3) is None
    assert split_v2({"anon": 1}) is None
