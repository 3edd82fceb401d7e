import os
import struct
import subprocess
import sys

import pytest

from headstart.agent.linux.exit_accounting import ExitAccounting, attributes, high_water

TOUCH = "import mmap; m = mmap.mmap(-1, {0} << 20, flags=34); m.write(b'x' * ({0} << 20))"


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def exit_message(pid: int, kibibytes: int) -> bytes:
    stats = bytes(200) + struct.pack("=Q", kibibytes) + bytes(16)
    return bytes(20) + attribute(4, attribute(1, struct.pack("=I", pid)) + attribute(3, stats))


def test_an_exit_message_tells_the_task_and_its_peak() -> None:
    assert high_water(exit_message(7, 1500)) == (7, 1500 * 1024)


@pytest.mark.parametrize("length", [0, 3, 19, 23, 30, 100])
def test_a_message_that_is_cut_short_tells_nothing(length: int) -> None:
    assert high_water(exit_message(7, 1500)[:length]) is None


def test_an_attribute_of_impossible_length_ends_the_message() -> None:
    assert list(attributes(attribute(1, b"abcd") + struct.pack("=HH", 2, 9))) == [(1, b"abcd")]


@pytest.mark.root
def test_the_kernel_tells_the_peak_of_a_process_that_is_gone() -> None:
    exits = ExitAccounting.open()
    if exits is None:
        pytest.skip("this kernel, or this namespace, tells no exits")
    try:
        peaks = []
        for mebibytes in (0, 64):
            process = subprocess.Popen([sys.executable, "-S", "-c", TOUCH.format(mebibytes or 1)])
            process.wait()
            peaks.append(exits.high_water_bytes(process.pid) or 0)
        none = exits.high_water_bytes(os.getpid())
    finally:
        exits.close()

    # The bytes object, too, is written once.
    assert 63 * 2 * 2**20 * 0.9 < peaks[1] - peaks[0] < 63 * 2 * 2**20 * 1.1
    assert none is None
