"""Finding a control group: both versions, mounts that differ, and what cannot be seen."""

from pathlib import Path

import pytest

from headstart.agent.linux.cgroup import Cgroup
from headstart.agent.linux.cgroup_paths import find_cgroup, parse_cgroup, parse_mounts
from support.trees import write_tree


def mount(point: str, kind: str, options: str, root: str = "/") -> str:
    return f"30 23 0:26 {root} {point} rw,nosuid shared:9 - {kind} {kind} rw,{options}\n"


def test_version_2_has_one_folder(tmp_path: Path) -> None:
    group = write_tree(tmp_path, {"system.slice/docker-12ab.scope/cgroup.procs": ""})
    mounts = parse_mounts(mount(str(tmp_path), "cgroup2", "nsdelegate"))
    folder = group / "system.slice/docker-12ab.scope"

    assert parse_cgroup("0::/system.slice/docker-12ab.scope\n", mounts) == Cgroup(
        version=2, memory=folder, cpu=folder, pids=folder
    )


@pytest.mark.parametrize(
    ("mounted", "listed"),
    [
        ({"cpu,cpuacct": "cpu,cpuacct"}, "cpu,cpuacct"),
        ({"cpu": "cpu", "cpuacct": "cpuacct"}, "cpuacct"),
    ],
)
def test_version_1_has_a_folder_for_each_controller(
    tmp_path: Path, mounted: dict[str, str], listed: str
) -> None:
    """`cpu` is where the CPU time is counted, whether or not both are mounted together."""
    names = ["memory", "pids", *mounted]
    write_tree(tmp_path, {f"{name}/docker/12ab/cgroup.procs": "" for name in names})
    lines = {
        name: mount(str(tmp_path / name), "cgroup", options)
        for name, options in {"memory": "memory", "pids": "pids", **mounted}.items()
    }
    membership = "".join(f"4:{name}:/docker/12ab\n" for name in names) + "0::/docker/12ab\n"
    found = parse_cgroup(membership, parse_mounts("".join(lines.values())))

    assert found == Cgroup(
        version=1,
        memory=tmp_path / "memory/docker/12ab",
        cpu=tmp_path / listed / "docker/12ab",
        pids=tmp_path / "pids/docker/12ab",
    )


def test_a_mount_of_a_part_of_the_hierarchy_is_cut_off_the_path(tmp_path: Path) -> None:
    write_tree(tmp_path, {"inner/cgroup.procs": ""})
    mounts = parse_mounts(mount(str(tmp_path), "cgroup2", "x", root="/docker/outer"))
    inside = parse_cgroup("0::/docker/outer/inner\n", mounts)
    outside = parse_cgroup("0::/docker/outer-not/inner\n", mounts)

    assert inside is not None
    assert inside.memory == tmp_path / "inner"
    assert outside is not None
    assert outside.memory is None


def test_blanks_in_a_mount_point_are_understood() -> None:
    mounts = parse_mounts(mount(r"/sys/fs/c\040group", "cgroup2", "x"))

    assert mounts == {"": ("/", Path("/sys/fs/c group"))}


def test_other_file_systems_and_strange_lines_are_left_out() -> None:
    assert parse_mounts(mount("/tmp", "tmpfs", "size=1") + "\nnonsense\n1 2 - cgroup2\n") == {}


def test_a_group_that_is_not_mounted_here_is_none(tmp_path: Path) -> None:
    proc = write_tree(
        tmp_path,
        {"12/cgroup": "0::/docker/12ab\n", "self/mountinfo": mount("/nowhere", "cgroup2", "x")},
    )

    assert find_cgroup(12, proc) is None
    assert find_cgroup(13, proc) is None


def test_our_own_group_is_found_on_this_host() -> None:
    if "cgroup" not in Path("/proc/self/mountinfo").read_text():
        pytest.skip("no control groups are mounted here")
    found = find_cgroup(1)

    assert found is None or found.version in (1, 2)
