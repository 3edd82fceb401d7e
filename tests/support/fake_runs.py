"""Made-up runs with realistic figures: the records of agents, and what analysis makes of them.

The shapes are those of a .NET API on one core under 16 connections: the JIT variant
climbs for some 30 s, the AOT variant is level from the first second, and one variant
dies at start with a stack trace.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise

import numpy as np

from headstart.collector.analysis.analyse import analyse_run
from headstart.collector.findings import RunResult
from headstart.collector.findings.run_info import RunInfo
from headstart.v1.experiment_pb2 import (
    Compilation,
    Experiment,
    HttpCheck,
    HttpRequest,
    Load,
    Plan,
    Service,
    Variant,
    WeightedRequest,
)
from headstart.v1.experiments_pb2 import RunState
from headstart.v1.host_pb2 import Advice, AdviceLevel, Cpu, Engine, Fact, HostFacts
from headstart.v1.records_pb2 import (
    BaseSource,
    BinaryKind,
    ExecStamp,
    Failure,
    FailureCode,
    Histogram,
    ImageFacts,
    LatencyBasis,
    Layer,
    LoadSummary,
    LoadWindow,
    LoadWindows,
    MemoryFloor,
    MemoryFloorStep,
    Phase,
    PhaseMemory,
    PullBasis,
    Quantity,
    Record,
    ResolvedVariant,
    RunOutcome,
    RunStarted,
    RunStatus,
    SampleBatch,
    SampleColumn,
    Startup,
    TrialOutcome,
    TrialStarted,
)
from headstart.words.histogram import index_of

MS = 1_000_000
SECOND = 1_000_000_000
MB = 1_000_000
MIB = 1 << 20

CRASH = """Unhandled exception. System.TypeInitializationException: A type initializer threw.
 ---> AutoMapper.AutoMapperConfigurationException: <script>alert('not markup')</script>
   at AutoMapper.ConfigurationValidator.AssertConfigurationIsValid() in /src/`Validator`.cs:line 90
   at Squad.Program.<Main>$(String[] args) | column
Aborted (core dumped)\x1b[0m"""

_BINARIES = {
    Compilation.COMPILATION_JIT: BinaryKind.BINARY_KIND_IL,
    Compilation.COMPILATION_MIXED: BinaryKind.BINARY_KIND_READY_TO_RUN,
    Compilation.COMPILATION_AOT: BinaryKind.BINARY_KIND_NATIVE_AOT,
}


@dataclass(frozen=True)
class Kind:
    """How a made-up variant behaves; `climb_seconds` 0: level from the start."""

    name: str
    compilation: Compilation.ValueType
    startup_ms: float
    startup_rss_mb: float
    idle_rss_mb: float
    load_rss_mb: float
    first_per_second: float
    steady_per_second: float
    climb_seconds: float
    image_mb: float
    starts: bool = True


JIT = Kind("jit", Compilation.COMPILATION_JIT, 285, 66, 67, 89, 6_000, 14_700, 8, 123)
R2R = Kind("r2r", Compilation.COMPILATION_MIXED, 236, 67, 68, 90, 8_000, 14_700, 7, 124)
AOT = Kind("aot", Compilation.COMPILATION_AOT, 29.4, 20.5, 21, 37, 14_600, 14_800, 0, 13.7)
BROKEN = Kind("aot-broken", Compilation.COMPILATION_AOT, 0, 0, 0, 0, 0, 0, 0, 166, starts=False)


@dataclass(frozen=True)
class Fake:
    """A made-up run: what is planned, and how restless its host is."""

    kinds: tuple[Kind, ...] = (JIT, R2R, AOT, BROKEN)
    blocks: int = 12
    load_every: int = 3
    load_seconds: float = 60.0
    sample_seconds: float = 0.1
    noise: float = 0.02
    seed: int = 7
    state: RunState.ValueType = RunState.RUN_STATE_DONE
    # That each trial passes.
    checks: int = 1
    # Called with each trial's outcome before it is recorded.
    disturb: Callable[[TrialOutcome], None] = lambda _outcome: None

    def info(self) -> RunInfo:
        return RunInfo(
            run_id=f"fake-{self.seed}",
            attempt=1,
            experiment=self.experiment(),
            host=host_facts(),
            state=self.state,
            reason="",
            started_time_seconds=1_780_000_004.0,
            ended_time_seconds=1_780_001_504.0,
        )

    def experiment(self) -> Experiment:
        experiment = Experiment(
            name="players-api",
            baseline=self.kinds[0].name,
            variants=[
                Variant(name=kind.name, compilation=kind.compilation, image=f"players:{kind.name}")
                for kind in self.kinds
            ],
            service=Service(port=9000),
            plan=Plan(
                blocks=self.blocks,
                load_every=self.load_every,
                server_cpus="0",
                load_cpus="1",
                memory_limit_bytes=512 << 20,
                idle_seconds=2,
                settle_seconds=1,
            ),
            revision="4f2c1d9",
            source_text="experiment: players-api\nbaseline: jit\nvariants:\n  jit: {image: <b>}\n",
        )
        if self.load_every:
            request = HttpRequest(method="GET", target="/players")
            experiment.load.CopyFrom(
                Load(
                    requests=[WeightedRequest(check=HttpCheck(request=request), weight=1)],
                    connections=16,
                    duration_seconds=self.load_seconds,
                )
            )
        return experiment

    def records(self) -> Iterator[Record]:
        """Every record of the run, in the order in which an agent sends them."""
        rng = np.random.default_rng(self.seed)
        yield Record(run_started=self._run_started())
        for kind in self.kinds:
            yield Record(image_facts=image_facts(kind))
        clock_ns = 1000 * SECOND
        trial = 0
        for block in range(1, self.blocks + 1):
            drift = math.exp(rng.normal(0, self.noise))
            for position, kind in enumerate(rng.permutation(np.array(self.kinds, object)), 1):
                if not kind.starts and block > 2:
                    continue
                trial += 1
                made = _Trial(self, kind, rng, trial, block, position, clock_ns, drift)
                yield from made.records()
                clock_ns += 100 * SECOND
        for kind in self.kinds:
            yield Record(memory_floor=memory_floor(kind))
        yield Record(
            run_outcome=RunOutcome(
                status=RunStatus.RUN_STATUS_DONE, trials=trial, blocks_completed=self.blocks
            )
        )

    def result(self) -> RunResult:
        """What analysis makes of it; made once, since nothing changes a result."""
        return _analysed(self)

    def _run_started(self) -> RunStarted:
        return RunStarted(
            host=host_facts(),
            seed=4711,
            blocks_planned=self.blocks,
            variants=[
                ResolvedVariant(
                    variant=kind.name,
                    digest=f"sha256:{kind.name.encode().hex():0<64}",
                    argv=["/app/players"],
                    environment={"ASPNETCORE_URLS": "http://+:9000"},
                    working_directory="/app",
                )
                for kind in self.kinds
            ],
        )


@cache
def _analysed(fake: Fake) -> RunResult:
    return analyse_run(fake.info(), fake.records())


@dataclass(frozen=True)
class _Trial:
    fake: Fake
    kind: Kind
    rng: np.random.Generator
    trial: int
    block: int
    position: int
    clock_ns: int
    drift: float

    def records(self) -> Iterator[Record]:
        yield Record(
            trial_started=TrialStarted(
                trial=self.trial,
                block=self.block,
                position=self.position,
                variant=self.kind.name,
                runtime="docker",
            )
        )
        outcome = TrialOutcome(
            trial=self.trial,
            block=self.block,
            position=self.position,
            variant=self.kind.name,
            output_tail="Now listening on: http://[::]:9000",
            checks_passed=self.fake.checks if self.kind.starts else 0,
        )
        if not self.kind.starts:
            outcome.failure.CopyFrom(
                Failure(
                    code=FailureCode.FAILURE_CODE_DOES_NOT_START,
                    message=f"{self.kind.name} exited with status 134 before its first response",
                    exit_status=134,
                    output_tail=CRASH,
                )
            )
            yield Record(trial_outcome=outcome)
            return
        startup_seconds = self._noisy(self.kind.startup_ms / 1e3) * self.drift
        first_ns = self.clock_ns + int(startup_seconds * SECOND)
        outcome.startup.CopyFrom(self._startup(first_ns, startup_seconds))
        loaded = self.fake.load_every > 0 and (self.block - 1) % self.fake.load_every == 0
        busy_seconds = self.fake.load_seconds if loaded else 2.0
        outcome.memory.extend(self._memory(loaded))
        yield from self._samples(startup_seconds, busy_seconds, loaded)
        if loaded:
            windows = list(self._windows())
            yield Record(
                load_windows=LoadWindows(
                    trial=self.trial, origin_monotonic_ns=first_ns + 3 * MS, windows=windows
                )
            )
            outcome.load.CopyFrom(self._summary(windows))
        self.fake.disturb(outcome)
        yield Record(trial_outcome=outcome)

    def _noisy(self, value: float) -> float:
        return value * math.exp(self.rng.normal(0, self.fake.noise))

    def _startup(self, first_ns: int, seconds: float) -> Startup:
        return Startup(
            create_monotonic_ns=self.clock_ns - 260 * MS,
            start_call_monotonic_ns=self.clock_ns - int(self._noisy(0.18) * SECOND),
            engine_ready_monotonic_ns=self.clock_ns - 20 * MS,
            gate_opened_monotonic_ns=self.clock_ns - MS // 4,
            exec_monotonic_ns=self.clock_ns,
            exec_kernel_monotonic_ns=self.clock_ns + MS // 5,
            last_refused_monotonic_ns=first_ns - 3 * MS,
            connected_monotonic_ns=first_ns - 3 * MS + MS // 50,
            connect_attempts=1700,
            first_byte_monotonic_ns=first_ns - MS // 10,
            idle_share=0.98,
            quiet_wait_seconds=0.2,
            first_correct_response_monotonic_ns=first_ns,
            cpu_seconds=self._noisy(seconds * 0.9),
            cpu_resolution_seconds=1e-6,
            exec_stamp=ExecStamp.EXEC_STAMP_GATE,
        )

    def _memory(self, loaded: bool) -> Iterator[PhaseMemory]:
        kind = self.kind
        startup = int(self._noisy(kind.startup_rss_mb) * MB)
        yield PhaseMemory(phase=Phase.PHASE_STARTUP, rss_peak_bytes=startup, rss_bytes=startup)
        if not loaded:
            idle = int(self._noisy(kind.idle_rss_mb) * MB)
            yield PhaseMemory(
                phase=Phase.PHASE_IDLE,
                rss_bytes=idle,
                high_water_bytes=idle,
                pss_bytes=int(idle * 0.98),
                uss_bytes=int(idle * 0.95),
                cgroup_bytes=int(idle * 0.9),
                cgroup_anonymous_bytes=int(idle * 0.6),
                cgroup_file_bytes=int(idle * 0.2),
                cgroup_kernel_bytes=int(idle * 0.05),
                cgroup_peak_bytes=int(idle * 1.1),
                processes=1,
                threads=12,
            )
            return
        peak = int(self._noisy(kind.load_rss_mb) * MB)
        yield PhaseMemory(phase=Phase.PHASE_LOAD, rss_peak_bytes=peak, high_water_bytes=peak)
        yield PhaseMemory(
            phase=Phase.PHASE_SETTLED, rss_bytes=int(peak * 0.93), high_water_bytes=peak
        )

    def _samples(self, startup: float, busy: float, loaded: bool) -> Iterator[Record]:
        kind = self.kind
        fine = np.arange(0.0, startup * 1.5, 0.02)
        coarse = np.arange(startup * 1.5, startup + busy + 1.0, self.fake.sample_seconds)
        seconds = np.concatenate((fine, coarse))
        risen = 1 - np.exp(-3 * seconds / startup)
        peak = kind.load_rss_mb if loaded else kind.idle_rss_mb
        grown = np.clip((seconds - startup) / 10, 0, 1)
        level = (kind.startup_rss_mb * risen + (peak - kind.startup_rss_mb) * grown) * MB
        rss = (level * np.exp(self.rng.normal(0, 0.004, len(seconds)))).astype(np.int64) + 4096
        cpu = np.minimum(seconds, startup + busy) * 0.9e6
        per_batch = 50
        for begin in range(0, len(seconds), per_batch):
            part = slice(begin, begin + per_batch)
            yield Record(
                samples=SampleBatch(
                    trial=self.trial,
                    origin_monotonic_ns=self.clock_ns,
                    time_delta_us=_deltas(seconds[part] * 1e6),
                    columns=[
                        SampleColumn(
                            quantity=Quantity.QUANTITY_RSS_BYTES, delta=_deltas(rss[part])
                        ),
                        SampleColumn(
                            quantity=Quantity.QUANTITY_CGROUP_CPU_US, delta=_deltas(cpu[part])
                        ),
                    ],
                )
            )

    def _windows(self) -> Iterator[LoadWindow]:
        kind = self.kind
        fine = [i / 10 for i in range(50) if i / 10 < self.fake.load_seconds]
        edges = [*fine, *range(5, int(self.fake.load_seconds)), self.fake.load_seconds]
        for start, end in pairwise(edges):
            rate = kind.steady_per_second
            if kind.climb_seconds:
                missing = kind.steady_per_second - kind.first_per_second
                rate -= missing * math.exp(-(start + end) / 2 / kind.climb_seconds)
            spread = self.fake.noise / math.sqrt(max(end - start, 0.1))
            completed = max(0, int(rate * (end - start) * (1 + self.rng.normal(0, spread))))
            yield LoadWindow(
                start_us=round(start * 1e6),
                duration_us=round((end - start) * 1e6),
                completed=completed,
                sent=completed,
                latency=latencies(completed, 16 / rate),
            )

    def _summary(self, windows: list[LoadWindow]) -> LoadSummary:
        return LoadSummary(
            driver="h2load",
            driver_version="1.52.0",
            duration_seconds=self.fake.load_seconds,
            completed=sum(window.completed for window in windows),
            connections=16,
            latency_basis=LatencyBasis.LATENCY_BASIS_SERVICE_TIME,
        )


def image_facts(kind: Kind) -> ImageFacts:
    """An image of two layers, of which the app's own holds 12 MB."""
    unpacked, own = int(kind.image_mb * MB), 12 * MB
    layers = [
        Layer(bytes=unpacked - own, created_by="/bin/sh -c #(nop) ADD file:1 in / "),
        Layer(bytes=own, created_by="COPY /out /app # buildkit"),
    ]
    for layer in layers:
        layer.pull_bytes = layer.bytes * 2 // 5
    return ImageFacts(
        variant=kind.name,
        digest=f"sha256:{kind.name}",
        unpacked_bytes=unpacked,
        pull_bytes=sum(layer.pull_bytes for layer in layers),
        pull_basis=PullBasis.PULL_BASIS_ESTIMATED,
        above_base_bytes=own,
        own_bytes=own - MB,
        symbol_bytes=MB,
        layers=layers,
        base="debian:12",
        base_source=BaseSource.BASE_SOURCE_LOCAL_IMAGE,
        base_layers=1,
        binary_kind=_BINARIES[kind.compilation],
        binary_path="/app/players",
    )


def memory_floor(kind: Kind) -> MemoryFloor:
    """A search of four steps; a variant that does not start has no floor."""
    if not kind.starts:
        return MemoryFloor(variant=kind.name, reason="it does not serve", load_seconds=3)
    serves = int(kind.idle_rss_mb * 0.7) << 20
    steps = [(0, True, 1.0), (2 * serves, True, 1.0), (serves, True, 0.9), (serves - MIB, False, 0)]
    return MemoryFloor(
        variant=kind.name,
        serves_bytes=serves,
        fails_bytes=serves - MIB,
        reference_throughput_per_second=kind.first_per_second,
        throughput_share=0.5,
        resolution_bytes=MIB,
        load_seconds=3.0,
        duration_seconds=21.0,
        steps=[
            MemoryFloorStep(
                limit_bytes=limit,
                serves=served,
                reason="" if served else "<b>killed</b>: out of memory within its limit",
                throughput_per_second=share * kind.first_per_second,
                startup_seconds=kind.startup_ms / 1e3,
                rss_peak_bytes=int(kind.idle_rss_mb * MB),
                cgroup_peak_bytes=int(kind.idle_rss_mb * MB),
            )
            for limit, served, share in steps
        ],
    )


_POINTS = np.linspace(-2.5, 3.5, 40)
_SHARES = np.exp(-(_POINTS**2) / 2) / np.exp(-(_POINTS**2) / 2).sum()
_TIMES_MEAN = 0.9 * np.exp(0.45 * _POINTS)


def latencies(count: int, mean_seconds: float) -> Histogram:
    """A log-normal histogram of about this mean."""
    counts = np.floor(_SHARES * count).astype(int)
    values = np.maximum(mean_seconds * _TIMES_MEAN * 1e6, 1).astype(int)
    by_index: dict[int, int] = {}
    for value, number in zip(values.tolist(), counts.tolist(), strict=True):
        if number:
            index = index_of(value)
            by_index[index] = by_index.get(index, 0) + number
    indices = sorted(by_index)
    return Histogram(
        index_delta=[b - a for a, b in zip([0, *indices], indices, strict=False)],
        count=[by_index[index] for index in indices],
        total_us=int((values * counts).sum()),
        maximum_us=int(values.max()),
    )


def host_facts() -> HostFacts:
    return HostFacts(
        host="bench-1",
        fingerprint="9f3ac0de",
        cpu=Cpu(
            model="AMD EPYC 9B14", cores=2, threads=2, governor="performance", virtualisation="kvm"
        ),
        memory_bytes=8 << 30,
        kernel="6.18.5",
        cgroup_version=1,
        engine=Engine(name="docker", version="20.10.24", storage_driver="overlay2"),
        other=[Fact(name="clock source", value="tsc")],
        advice=[
            Advice(
                level=AdviceLevel.ADVICE_LEVEL_WARNING,
                code="two-cores",
                finding="There are two cores for server and load generator together.",
                remedy="Use a machine with four.",
            )
        ],
        agent_version="0.1.0",
        operating_system="Debian GNU/Linux 12",
    )


def small(**changes: object) -> Fake:
    """Two variants, no load, quick to make."""
    return replace(Fake(kinds=(JIT, AOT), load_every=0), **changes)  # type: ignore[arg-type]  # names are checked by replace


def _deltas(values: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> list[int]:
    whole = np.rint(values).astype(np.int64)
    return [int(value) for value in np.diff(whole, prepend=0)]
