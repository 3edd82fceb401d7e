"""Memory and CPU of real containers whose every page is known: one process and several."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path

import pytest

from headstart.agent.linux.cpu_clock import process_cpu_ns
from headstart.agent.probe.readings import ServerReader
from headstart.agent.runtimes.docker_runtime import DockerRuntime
from headstart.agent.runtimes.runtime import Instance
from headstart.agent.sampling.memory import phase_memory
from headstart.agent.sampling.sampler import Sampler
from headstart.v1.experiment_pb2 import Variant
from headstart.v1.records_pb2 import Phase, PhaseMemory, Quantity, SampleBatch
from support.images import build_app, image_of
from support.instances import answer_of, free_port, spec_for
from support.policies import everything_allowed
from support.waiting import wait_until

pytestmark = [pytest.mark.alone, pytest.mark.docker, pytest.mark.compiler]

MEBIBYTE = 1 << 20
# Of the libc, the stack and the program itself, in each process.
OWN = MEBIBYTE
STARTUP, IDLE = Phase.PHASE_STARTUP, Phase.PHASE_IDLE


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    source = Path(__file__).parents[2] / "support" / "memory_app.c"
    program = build_app(tmp_path_factory.mktemp("app"), source)
    with image_of(program, f"headstart-test:memory-{os.getpid()}") as name:
        yield name


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[DockerRuntime]:
    runtime = DockerRuntime.connect(tmp_path, everything_allowed())
    yield runtime
    runtime.close()


@contextmanager
def serving(
    runtime: DockerRuntime, image: str, *instructions: str
) -> Iterator[tuple[Instance, Sampler, list[SampleBatch]]]:
    """A container that has done its instructions and answers, sampled since its gate opened."""
    port = free_port()
    argv = ["app", *instructions, f"serve={port}"]
    variant = runtime.resolve(Variant(name="app", image=image, entrypoint=argv), "/")
    instance = runtime.create(spec_for(variant, port=port))
    batches: list[SampleBatch] = []
    try:
        sampler = Sampler(1, instance.pids, instance.cgroup, 0.005, batches.append)
        try:
            sampler.start(instance.open_gate())
            answer_of(instance, port)
            yield instance, sampler, batches
        finally:
            sampler.stop()
    finally:
        instance.stop()


def read(instance: Instance, sampler: Sampler, phase: Phase.ValueType = IDLE) -> PhaseMemory:
    return phase_memory(phase, instance.pids(), instance.cgroup, sampler)


def column(batches: list[SampleBatch], quantity: Quantity.ValueType) -> list[int]:
    return [
        value
        for batch in batches
        for each in batch.columns
        if each.quantity == quantity
        for value in accumulate(each.delta)
    ]


def test_the_high_water_mark_is_exact_to_the_page(runtime: DockerRuntime, image: str) -> None:
    """Between two containers that differ in 40 MiB there are 40 MiB."""
    marks = []
    for mebibytes in (8, 48):
        with serving(runtime, image, f"touch={mebibytes}") as (instance, sampler, _):
            memory = read(instance, sampler, STARTUP)
            marks.append(memory.high_water_bytes)

            assert mebibytes * MEBIBYTE <= memory.high_water_bytes
            assert memory.high_water_bytes <= mebibytes * MEBIBYTE + OWN
            assert memory.rss_peak_bytes == memory.high_water_bytes
    # The stack's pages differ with address randomisation.
    assert marks[1] - marks[0] == pytest.approx(40 * MEBIBYTE, abs=64 * 1024)


def test_shared_pages_count_once_in_pss_and_for_each_process_in_rss(
    runtime: DockerRuntime, image: str
) -> None:
    """Four processes share 16 MiB, three of them have 16 MiB of their own."""
    with serving(runtime, image, "share=16", "children=3") as (instance, sampler, _):
        wait_until(lambda: sampler.peak_rss(STARTUP) >= (4 + 3) * 16 * MEBIBYTE)
        memory = read(instance, sampler)

    assert memory.processes == 4
    assert memory.rss_bytes == pytest.approx((4 + 3) * 16 * MEBIBYTE, abs=4 * OWN)
    assert memory.high_water_bytes == pytest.approx(memory.rss_bytes, abs=MEBIBYTE)
    assert memory.pss_bytes == pytest.approx((1 + 3) * 16 * MEBIBYTE, abs=OWN)
    assert memory.uss_bytes == pytest.approx(3 * 16 * MEBIBYTE, abs=OWN)
    # Shared memory is a file in the group's account, which counts each page once.
    assert memory.cgroup_anonymous_bytes == pytest.approx(3 * 16 * MEBIBYTE, abs=2 * OWN)
    assert memory.cgroup_file_bytes >= 16 * MEBIBYTE - OWN
    assert memory.cgroup_peak_bytes >= 4 * 16 * MEBIBYTE


def test_processes_that_come_and_go_are_seen_while_they_are(
    runtime: DockerRuntime, image: str
) -> None:
    """One after the other, each with 24 MiB: never 48 MiB at once, and the group peaks as one."""
    with serving(runtime, image, "churn=24") as (instance, sampler, batches):
        wait_until(lambda: sampler.peak_rss(STARTUP) >= 24 * MEBIBYTE)
        first, began = sampler.cpu_seconds(), time.monotonic()
        wait_until(lambda: sampler.cpu_seconds() > first + 0.1)
        used, elapsed = sampler.cpu_seconds() - first, time.monotonic() - began
        alive_ns = sum(process_cpu_ns(pid) or 0 for pid in instance.pids())
        memory = read(instance, sampler, STARTUP)
        sampler.stop()

    assert 24 * MEBIBYTE <= memory.rss_peak_bytes < 32 * MEBIBYTE
    assert 24 * MEBIBYTE <= memory.cgroup_peak_bytes < 40 * MEBIBYTE
    # What ended has left its CPU time in the group's account.
    assert memory.cpu_seconds > alive_ns / 1e9
    assert used < elapsed * (os.cpu_count() or 1)
    assert {2, 3} <= set(column(batches, Quantity.QUANTITY_PROCESSES))


def test_a_start_costs_what_all_of_its_processes_used(runtime: DockerRuntime, image: str) -> None:
    port = free_port()
    argv = ["app", "share=32", "children=3", f"serve={port}"]
    variant = runtime.resolve(Variant(name="app", image=image, entrypoint=argv), "/")
    instance = runtime.create(spec_for(variant, port=port))
    reader = ServerReader(instance.pid, instance.cgroup)
    try:
        reader.begin()
        instance.open_gate()
        answer_of(instance, port)
        wait_until(lambda: len(instance.pids()) == 4)
        each = [process_cpu_ns(pid) or 0 for pid in instance.pids()]
        spent = reader.since_begin()
    finally:
        reader.close()
        instance.stop()

    assert spent.cpu_ns is not None
    assert spent.cpu_ns >= sum(each[1:])
    assert spent.run_delay_ns is not None
