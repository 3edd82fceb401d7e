"""The generator's clockwork: it wakes in time, and needs nothing of protobuf."""

import os
import subprocess
import sys
import time

import pytest

from headstart.agent.load.schedule import PreciseSelector
from support.hogged_cpu import hogging

pytestmark = pytest.mark.alone


def test_the_selector_wakes_within_a_millisecond() -> None:
    """epoll alone rounds 0.2 ms up to a whole one; the best of many says what is possible."""
    waits = []
    with PreciseSelector() as selector:
        for _ in range(100):
            before = time.perf_counter()
            selector.select(0.0002)
            waits.append(time.perf_counter() - before)

    assert 0.0002 <= min(waits) < 0.001


@pytest.mark.root
def test_a_cpu_that_is_lost_between_two_calls_is_a_pause_and_own_work_is_none() -> None:
    """As in sending after the last answer of a turn: no answer tells of it."""
    cpus = os.sched_getaffinity(0)
    cpu = max(cpus)
    os.sched_setaffinity(0, {cpu})
    try:
        with hogging(cpu) as hog, PreciseSelector() as selector:
            selector.select(0)
            _busy_until(time.monotonic() + 0.12)
            selector.select(0)
            by_own_work_us, selector.late_us = selector.late_us, 0
            hog.communicate(b"now\n")
            selector.select(0)
            lost_us = selector.late_us
    finally:
        os.sched_setaffinity(0, cpus)

    assert lost_us > 70_000
    assert by_own_work_us < 60_000


def _busy_until(end: float) -> None:
    while time.monotonic() < end:
        pass


def test_the_process_does_not_load_protobuf() -> None:
    code = "import sys, headstart.agent.load.generator; sys.exit('google.protobuf' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
