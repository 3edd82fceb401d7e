"""The sampler: true times on a fixed grid, whatever happens to the processes."""

import queue
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path

import psutil
import pytest

from headstart.agent.linux.cgroup import Cgroup
from headstart.agent.sampling import sampler as sampler_module
from headstart.agent.sampling.sampler import Sampler
from headstart.v1.records_pb2 import Phase, Quantity, SampleBatch
from support.programs import Puppet, puppet
from support.trees import write_tree
from support.waiting import wait_until

pytestmark = pytest.mark.alone

MEBIBYTE = 1 << 20
STARTUP, IDLE, LOAD = Phase.PHASE_STARTUP, Phase.PHASE_IDLE, Phase.PHASE_LOAD
RSS = Quantity.QUANTITY_RSS_BYTES
PROCESSES = Quantity.QUANTITY_PROCESSES
HOST_BUSY = Quantity.QUANTITY_HOST_BUSY_US
GENERATOR = Quantity.QUANTITY_GENERATOR_CPU_US


class Kept:
    """Takes what a sampler emits."""

    def __init__(self) -> None:
        self.batches: list[SampleBatch] = []

    def __call__(self, batch: SampleBatch) -> None:
        self.batches.append(batch)

    def times_us(self) -> list[int]:
        return [time for batch in self.batches for time in accumulate(batch.time_delta_us)]

    def present(self, quantity: Quantity.ValueType) -> list[int]:
        """The readings that were made."""
        found: list[int] = []
        for batch in self.batches:
            for column in batch.columns:
                if column.quantity == quantity:
                    values = enumerate(accumulate(column.delta))
                    found.extend(value for row, value in values if row not in column.absent_rows)
        return found


@contextmanager
def sampling(
    doll: Puppet, kept: Kept, interval: float = 0.005, cgroup: Cgroup | None = None
) -> Iterator[Sampler]:
    """A sampler of a puppet and its children, started now, stopped at the end."""

    def pids() -> list[int]:
        try:
            children = psutil.Process(doll.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        return [doll.pid, *(child.pid for child in children)]

    sampler = Sampler(3, pids, cgroup, interval, kept)
    sampler.start(time.monotonic_ns())
    try:
        yield sampler
    finally:
        sampler.stop()


def test_every_slot_is_a_row_or_counted_as_missed() -> None:
    kept = Kept()
    interval_us = 5_000
    with puppet() as doll, sampling(doll, kept, interval_us / 1e6) as sampler:
        wait_until(lambda: len(kept.batches) >= 1)
        summary = sampler.stop()

    times = kept.times_us()
    # The last row is taken when the sampler stops, wherever the grid is.
    slots = [time // interval_us for time in times[:-1]]
    assert slots == sorted(set(slots))
    assert min(slots) >= 1
    assert len(slots) + summary.missed_slots >= max(slots)
    assert summary.samples == len(times)
    assert summary.missed_slots == sum(batch.missed_slots for batch in kept.batches)
    assert {batch.trial for batch in kept.batches} == {3}


def test_slots_lost_to_a_slow_reading_are_skipped_and_counted() -> None:
    kept = Kept()
    slow_once = iter([False, True])
    hung = threading.Event()

    with puppet() as doll:

        def pids() -> list[int]:
            if next(slow_once, False):
                time.sleep(0.2)
                hung.set()
            return [doll.pid]

        sampler = Sampler(1, pids, None, 0.01, kept)
        sampler.start(time.monotonic_ns())
        assert hung.wait(20)
        wait_until(lambda: sampler.peak_rss(STARTUP) > 0)
        summary = sampler.stop()

    times = kept.times_us()
    assert summary.missed_slots >= 18
    assert min(times) >= 200_000
    assert times == sorted(times)


def test_a_time_without_readings_belongs_to_the_phases_that_it_fell_into(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_ns = time.monotonic_ns()
    monkeypatch.setattr(sampler_module, "_now_ns", lambda: now_ns)
    with puppet() as doll, sampling(doll, Kept()) as sampler:
        wait_until(lambda: sampler.peak_rss(STARTUP) > 0)
        sampler.begin_phase(IDLE)
        wait_until(lambda: sampler.peak_rss(IDLE) > 0)
        # Nothing was read for five seconds, until the load had begun.
        now_ns += 5_000_000_000
        sampler.begin_phase(LOAD)
        wait_until(lambda: sampler.peak_rss(LOAD) > 0)
        gaps = sampler.stop().gaps

    assert gaps[STARTUP] == 0
    # Of the load too, unless a reading came before it had begun.
    assert gaps[IDLE] == 5


def test_a_batch_is_emitted_about_once_a_second() -> None:
    arrived: queue.Queue[SampleBatch] = queue.Queue()
    with puppet() as doll:
        sampler = Sampler(1, lambda: [doll.pid], None, 0.01, arrived.put)
        sampler.start(time.monotonic_ns())
        first = arrived.get(timeout=20)
        sampler.stop()

    times = list(accumulate(first.time_delta_us))
    assert times[-1] - times[0] >= 980_000
    assert len(times) <= 101


def test_slow_readings_wait_until_the_start_is_over() -> None:
    kept = Kept()
    with puppet() as doll, sampling(doll, kept) as sampler:
        wait_until(lambda: sampler.peak_rss(STARTUP) > 0)
        sampler.begin_phase(IDLE)
        wait_until(lambda: sampler.peak_rss(IDLE) > 0)

    batch = kept.batches[0]
    (column,) = (c for c in batch.columns if c.quantity == HOST_BUSY)
    assert 0 in column.absent_rows
    # One where the idle phase begins, one at the end.
    assert len(kept.present(HOST_BUSY)) >= 2
    assert len(kept.present(HOST_BUSY)) < len(kept.present(RSS))


def test_the_process_may_become_another_program() -> None:
    """As the gate does: the same pid, another image."""
    kept = Kept()
    with puppet() as doll, sampling(doll, kept) as sampler:
        doll.tell("touch(64)")
        wait_until(lambda: sampler.peak_rss(STARTUP) >= 64 * MEBIBYTE)
        sampler.begin_phase(IDLE)
        answer = doll.tell(
            "become('b = bytearray(32 << 20)\\nprint(len(b), flush=True)\\ninput()')"
        )
        assert answer == str(32 * MEBIBYTE)
        sampler.begin_phase(LOAD)
        wait_until(lambda: sampler.peak_rss(LOAD) > 0)

        assert 32 * MEBIBYTE <= sampler.peak_rss(LOAD) < 64 * MEBIBYTE


def test_children_are_seen_and_leave_again() -> None:
    kept = Kept()
    with puppet() as doll:
        listed = [[doll.pid]]
        sampler = Sampler(1, lambda: listed[-1], None, 0.005, kept)
        sampler.start(time.monotonic_ns())
        wait_until(lambda: sampler.peak_rss(STARTUP) > 0)
        child = int(doll.tell("child(0)"))
        listed.append([doll.pid, child])
        wait_until(
            lambda: sampler.peak_rss(STARTUP) > 1.5 * psutil.Process(child).memory_info().rss
        )
        doll.tell("reap()")
        listed.append([doll.pid])
        sampler.begin_phase(IDLE)
        wait_until(lambda: sampler.peak_rss(IDLE) > 0)
        sampler.stop()

    seen = kept.present(PROCESSES)
    assert set(seen) == {1, 2}
    assert (seen[0], seen[-1]) == (1, 1)


def test_the_end_of_all_processes_is_a_reading_of_zero() -> None:
    kept = Kept()
    with puppet() as doll, sampling(doll, kept) as sampler:
        wait_until(lambda: sampler.peak_rss(STARTUP) > 0)
        doll.kill()
        summary = sampler.stop()

    assert summary.samples > 0
    assert kept.present(RSS)[-1] == 0
    assert kept.present(PROCESSES)[-1] == 0


def test_peaks_belong_to_their_phase() -> None:
    kept = Kept()
    with puppet() as doll, sampling(doll, kept) as sampler:
        doll.tell("touch(48)")
        wait_until(lambda: sampler.peak_rss(STARTUP) >= 48 * MEBIBYTE)
        doll.tell("free()")
        sampler.begin_phase(IDLE)
        wait_until(lambda: sampler.peak_rss(IDLE) > 0)

        assert sampler.peak_rss(IDLE) < 48 * MEBIBYTE
        assert sampler.peak_rss(LOAD) == 0


def test_the_generator_is_counted_and_stays_so_after_its_end() -> None:
    kept = Kept()
    with puppet() as doll, puppet() as generator, sampling(doll, kept) as sampler:
        sampler.watch_generator(generator.pid)
        generator.tell("burn(0.1)")
        sampler.begin_phase(LOAD)
        wait_until(lambda: sampler.peak_rss(LOAD) > 0)
        generator.kill()

    counted = kept.present(GENERATOR)
    assert counted == sorted(counted)
    assert counted[-1] >= 90_000


def test_cpu_time_counts_from_the_making_of_the_sampler() -> None:
    with puppet() as doll:
        doll.tell("burn(0.2)")
        sampler = Sampler(1, lambda: [doll.pid], None, 0.01, Kept())
        before = sampler.cpu_seconds()
        doll.tell("burn(0.05)")

        assert before < 0.05
        assert sampler.cpu_seconds() - before >= 0.04
        sampler.stop()


def test_an_error_of_the_receiver_is_not_lost() -> None:
    def full(_: SampleBatch) -> None:
        raise OSError("no space left")

    with puppet() as doll:
        sampler = Sampler(1, lambda: [doll.pid], None, 0.01, full)
        sampler.start(time.monotonic_ns())

        with pytest.raises(OSError, match="no space"):
            sampler.stop()


def test_a_sampler_that_never_started_stops_with_nothing() -> None:
    kept = Kept()
    with puppet() as doll:
        sampler = Sampler(1, lambda: [doll.pid], None, 0.02, kept)

        assert sampler.stop().samples == 0
        assert sampler.stop().samples == 0
    assert kept.batches == []


def test_an_interval_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="interval_seconds"):
        Sampler(1, list, None, 0.0, Kept())


def test_without_a_peak_that_can_be_reset_the_largest_reading_stands_in(tmp_path: Path) -> None:
    write_tree(tmp_path, {"memory.current": "5000\n", "cpu.stat": "usage_usec 1000\n"})
    kept = Kept()
    group = Cgroup(2, tmp_path, tmp_path, tmp_path)
    with puppet() as doll, sampling(doll, kept, cgroup=group) as sampler:
        wait_until(lambda: sampler.cgroup_peak_bytes(STARTUP) == 5000)
        write_tree(tmp_path, {"memory.current": "4000\n", "cpu.stat": "usage_usec 3000\n"})
        sampler.begin_phase(IDLE)
        wait_until(lambda: sampler.cgroup_peak_bytes(IDLE) > 0)

        assert sampler.cgroup_peak_bytes(IDLE) == 4000
        assert sampler.cgroup_peak_bytes(STARTUP) == 5000
        assert sampler.cpu_seconds() == pytest.approx(0.002)

    assert set(kept.present(Quantity.QUANTITY_CGROUP_CPU_US)) == {1000, 3000}


def test_the_groups_own_list_of_processes_is_used(tmp_path: Path) -> None:
    kept = Kept()
    with puppet() as doll:
        write_tree(tmp_path, {"cgroup.procs": f"{doll.pid}\n"})
        sampler = Sampler(1, sys.exit, Cgroup(2, tmp_path, tmp_path, tmp_path), 0.005, kept)
        sampler.start(time.monotonic_ns())
        wait_until(lambda: sampler.peak_rss(STARTUP) > 0)
        sampler.stop()

    assert set(kept.present(PROCESSES)) == {1}


def test_counters_of_a_group_that_is_gone_are_absent(tmp_path: Path) -> None:
    """The last value of its CPU time stays known."""
    write_tree(tmp_path, {"memory.current": "5000\n", "cpu.stat": "usage_usec 1000\n"})
    with puppet() as doll:
        sampler = Sampler(
            1, lambda: [doll.pid], Cgroup(2, tmp_path, tmp_path, tmp_path), 0.005, Kept()
        )
        write_tree(tmp_path, {"cpu.stat": "usage_usec 2500\n"})
        assert sampler.cpu_seconds() == pytest.approx(0.0015)

        write_tree(tmp_path, {"cpu.stat": ""})

        assert sampler.cpu_seconds() == pytest.approx(0.0015)
        sampler.stop()
