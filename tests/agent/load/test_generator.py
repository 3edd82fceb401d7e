"""The generator's clockwork: it wakes in time, and needs nothing of protobuf."""

import subprocess
import sys
import time

import pytest

from headstart.agent.load.schedule import PreciseSelector

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


def test_the_process_does_not_load_protobuf() -> None:
    code = "import sys, headstart.agent.load.generator; sys.exit('google.protobuf' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
