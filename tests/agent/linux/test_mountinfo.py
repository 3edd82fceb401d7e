"""Lines of /proc/PID/mountinfo."""

import os

from headstart.agent.linux.mountinfo import Mount, parse_mountinfo


def test_a_mount_is_read_with_its_optional_fields_and_its_escapes() -> None:
    text = (
        "36 35 98:0 /a\\040b /mnt/c\\134d rw,noatime master:1 shared:2 - ext4 /dev/a rw,errors=x\n"
        "37 35 0:22 / /proc rw - proc proc rw\n"
    )

    assert list(parse_mountinfo(text)) == [
        Mount(os.makedev(98, 0), "/a b", "/mnt/c\\d", ("rw", "noatime"), "ext4", "rw,errors=x"),
        Mount(os.makedev(0, 22), "/", "/proc", ("rw",), "proc", "rw"),
    ]


def test_lines_that_are_cut_short_are_left_out() -> None:
    assert list(parse_mountinfo("36 35 98:0 / /mnt rw\n36 35 - ext4\n\n")) == []
