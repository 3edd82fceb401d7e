"""The keys of an experiment file: the one place where they are stated.

Validation, the published JSON Schema and what editors show come from here (and
from the forms that it names); docs/EXPERIMENT.md is held against it by a test.
Rules that span several keys are in `constraints`.
"""

from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from headstart.collector.experiments.file.beside_forms import CompanionForm
from headstart.collector.experiments.file.check_forms import Check, LoadRequestForm, Steps
from headstart.collector.experiments.file.forms import (
    FOLDER,
    Argument,
    EnvironmentName,
    EnvironmentValue,
    FolderPath,
    Form,
    Label,
    Line,
    Shorthand,
    written,
)
from headstart.collector.experiments.file.gate_forms import GatesForm, MarginsForm
from headstart.collector.experiments.file.image_forms import Image
from headstart.collector.experiments.file.job_forms import JobsForm
from headstart.collector.experiments.file.load_forms import HOST, RATE, Http, RateForm, Tls
from headstart.collector.experiments.file.needs_forms import NeedsForm
from headstart.collector.experiments.file.requests import Request, RequestLine
from headstart.collector.experiments.file.units import (
    Choice,
    CpuSet,
    Duration,
    Number,
    Percentage,
    Scalar,
    Size,
    Switch,
    Text,
    Whole,
)
from headstart.collector.experiments.file.value_forms import VariableValue
from headstart.words.containers import MOST_COMPANIONS
from headstart.words.drivers import DRIVERS
from headstart.words.foreign.git_urls import COMMIT_PATTERN, LONGEST_URL, URL_PATTERN
from headstart.words.gate_profiles import GateProfile
from headstart.words.networks import NETWORKS
from headstart.words.windows import MOST_WINDOWS, windows_of

GIT_URL = Text(
    what="https://, ssh://, git://, http:// or file://, then the host and the path of a repository;"
    " without a password",
    pattern=URL_PATTERN,
    maximum=LONGEST_URL,
)


class BuildForm(Form):
    """How an image is built."""

    context: FolderPath = written(".")
    """Folder that the build sees; relative to the experiment file. `submit` sends it."""
    git: Annotated[str, GIT_URL] | None = None
    """Repository that each host fetches the context from; `context` is a folder of it then."""
    commit: Annotated[str, Text("40 digits of 0-9 and a-f: a commit", COMMIT_PATTERN)] | None = None
    """The commit of `git`."""
    context_on_host: Annotated[bool, Switch()] = written(False)
    """The context is a folder of this path on each host, and is not sent."""
    dockerfile: Annotated[
        str,
        Text(
            what="a path within the build context",
            pattern=r"(?!/)(?!(?:.*/)?\.\.(?:/|$))[^\r\n]+",
        ),
    ] = written("Dockerfile")
    """Relative to the context."""
    target: Line | None = None
    """Stage of the Dockerfile to build; the last one when it is left out."""
    arguments: dict[EnvironmentName, EnvironmentValue] = Field(default_factory=dict)
    """Build arguments."""
    clean_repetitions: Annotated[int, Whole(1, 100)] = written(1)
    """How many builds without a cache are timed."""
    cached_repetitions: Annotated[int, Whole(0, 100)] = written(0)
    """How many builds with a warm cache are timed."""
    network: Annotated[str, Choice("default", "none")] = written("default")
    """What the steps of the build can reach: the engine's default network, or nothing."""
    builder: Annotated[str, Choice("auto", "classic", "buildkit")] = written("auto")
    """Which builder of the engine; `auto` is the one that the engine says is its default."""
    timeout: Annotated[float, Duration("1s", "24h")] = written("30min")
    """How long one build may take."""


class VariantForm(NeedsForm):
    """One way to build and run the app."""

    EXACTLY_ONE: ClassVar = ("image", "build", "command")

    image: Annotated[str, Image()] | None = None
    """An image that the engine of the host holds, or that `plan.pull` lets it pull."""
    build: Annotated[BuildForm, Shorthand("context", FOLDER)] | None = None
    """A Dockerfile to build the image from."""
    command: list[Argument] | None = Field(default=None, min_length=1, max_length=256)
    """A program and its arguments, run as a process of the host without an engine."""
    compilation: Annotated[str, Choice("jit", "aot", "mixed", "r2r", "interpreter", "other")] = (
        written("other")
    )
    """What its code is; `r2r` (.NET ReadyToRun) is another word for `mixed`."""
    env: dict[EnvironmentName, VariableValue] = Field(default_factory=dict, max_length=256)
    """Environment variables that it is given."""
    entrypoint: list[Argument] | None = Field(default=None, min_length=1, max_length=256)
    """Replaces the entrypoint and the command of the image."""
    workdir: FolderPath | None = None
    """Working directory; of a command: relative to the experiment file."""
    base: Annotated[str, Image()] | None = None
    """The image that this one is built on, or `scratch`; bytes above it are counted apart."""
    description: Annotated[str, Text("text", maximum=1000)] = written("")
    """Shown in reports."""


class ServiceForm(Form):
    """What the app offers, the same in every variant."""

    port: Annotated[int, Whole(1, 65535)] | None = None
    """TCP port that the app listens on; without one it is a batch program or a worker."""
    ready: Steps
    """What ends startup: the first correct answer, or a line of a worker's log; or a list."""
    checks: list[Check] = Field(default_factory=list, max_length=100)
    """What every variant must answer or do, before and after load."""
    compare_with_baseline: Annotated[bool, Switch()] = written(False)
    """Compare the answers to the checks with those of the baseline, field by field."""
    volatile: list[Line] = Field(default_factory=list, max_length=256)
    """Names of JSON fields that this comparison leaves out, at any depth."""
    startup_timeout: Annotated[float, Duration("100ms", "1h")] = written("60s")
    """How long a variant may take to its first correct response."""
    first_data: Check | None = None
    """A request that reaches the database, sent once after the first correct response."""
    tls: Annotated[str, Tls()] = written(False)
    """Whether the port speaks TLS; `unverified` accepts any certificate."""
    address: Annotated[str, Choice("127.0.0.1", "::1")] = written("127.0.0.1")
    """Loopback address at which the app is asked; one that listens everywhere answers at both."""
    host: Annotated[str, HOST] | None = None
    """Name that every request is sent to (Host); the address when it is left out."""


class LoadForm(Form):
    """The load that begins with the first correct response."""

    EXACTLY_ONE: ClassVar = ("request", "requests")

    request: Annotated[Request, RequestLine()] | None = None
    """The one request that is sent."""
    requests: list[Annotated[LoadRequestForm, Shorthand("request", RequestLine())]] | None = Field(
        default=None, min_length=1, max_length=100
    )
    """Several requests, by weight."""
    connections: Annotated[int, Whole(1, 10000)] = written(16)
    """Connections that are kept open."""
    duration: Annotated[float, Duration("1s", "24h")] = written("60s")
    """How long the load lasts; long enough to see a JIT settle."""
    rate: Annotated[RateForm, Shorthand("from", RATE)] | None = None
    """Sends this many requests per second whatever comes back (open loop)."""
    http: Annotated[bool, Http()] = written(1.1)
    """The version of HTTP; 2 by prior knowledge, over TLS by agreement (ALPN)."""
    driver: Annotated[str, Choice(*sorted(DRIVERS))] | None = None
    """The load generator; the best one of the host when it is left out."""
    window: Annotated[float, Duration("10ms", "1min")] = written("1s")
    """Width of the slices in which throughput and latency are reported."""
    first_window: Annotated[float, Duration("10ms", "1min")] = written("100ms")
    """Their width within the first five seconds."""

    @model_validator(mode="after")
    def _windows_fit(self) -> "LoadForm":
        if not self.first_window <= self.window <= self.duration:
            raise ValueError(
                "expected 'first_window' to be at most 'window', and 'window' at most 'duration'"
            )
        count = windows_of(self.duration, self.window, self.first_window)
        if count > MOST_WINDOWS:
            raise ValueError(
                f"expected at most {MOST_WINDOWS:,} windows, found {count:,.0f};"
                " make 'window' wider"
            )
        return self


class MaximumForm(Form):
    """Where a run ends that is not decided."""

    blocks: Annotated[int, Whole(1, 1000)] = written(30)
    """Most blocks of `blocks: auto`."""
    time: Annotated[float, Duration("1s", "168h")] = written("2h")
    """No block begins after this time."""


class CpusForm(Form):
    """The CPUs of the host that are used."""

    server: Annotated[str, CpuSet()] | None = None
    """CPUs of the app; not pinned when it is left out."""
    load: Annotated[str, CpuSet()] | None = None
    """CPUs of the load generator and the prober; not pinned when it is left out."""


class Blocks(Scalar):
    """`auto`, as 0, or a number of blocks."""

    _NUMBER = Whole(1, 1000)

    def parse(self, value: object) -> int:
        if value == "auto":
            return 0
        try:
            return self._NUMBER.parse(value)
        except ValueError as error:
            raise ValueError(str(error).replace("expected", "expected auto or", 1)) from None

    def json_schema(self) -> dict[str, Any]:
        return {"anyOf": [{"const": "auto"}, self._NUMBER.json_schema()]}


class MemoryFloorForm(Form):
    """How the smallest memory limit is searched at which a variant still serves."""

    search: Annotated[bool, Switch()] = written(True)
    """Whether it is searched at all, after the blocks."""
    resolution: Annotated[float, Size("64KiB", "1GiB")] = written("1MiB")
    """How exactly, or to 2 % of the limit where that is wider."""
    load: Annotated[float, Duration("500ms", "10min")] = written("3s")
    """How long the load of each probe lasts."""
    throughput: Annotated[float, Percentage("1%", "100%")] = written("50%")
    """Share of its throughput without a tight limit that a variant must keep."""
    time: Annotated[float, Duration("10s", "24h")] = written("10min")
    """Of a variant: no probe begins after it."""


class PlanForm(Form):
    """How the experiment is carried out."""

    blocks: Annotated[int, Blocks()] = written("auto")
    """Passes over all variants; `auto` goes on until every gated metric is decided."""
    maximum: MaximumForm = Field(default_factory=MaximumForm)
    """Where a run ends that is not decided."""
    cpus: CpusForm = Field(default_factory=CpusForm)
    """The CPUs of the host that are used."""
    memory: Annotated[float, Size("4MiB", "16384GiB")] | None = None
    """Memory limit of the container; the agent's own when it is left out."""
    cpu_limit: Annotated[float, Number(1024)] | None = None
    """CPU limit of the container, in cores; the agent's own when it is left out."""
    idle: Annotated[float, Duration("0s", "1h")] = written("5s")
    """How long the app rests after its first correct response, in blocks without load."""
    settle: Annotated[float, Duration("0s", "1h")] = written("5s")
    """How long it rests after load."""
    page_cache: Annotated[str, Choice("warm", "cold")] = written("warm")
    """Whether the files of a variant may stay in memory between its trials."""
    network: Annotated[str, Choice(*NETWORKS, holder="bridge")] = written("own")
    """What a container reaches: nothing but itself, the engine's bridge, or all of the host's."""
    seed: Annotated[int, Whole(1, 2**64 - 1)] | None = None
    """Seed of the order of trials; drawn and recorded when it is left out."""
    load_every: Annotated[int, Whole(1, 1000)] = written(2)
    """Load is applied in every n-th block, beginning with the first."""
    quiet: Annotated[float, Duration("0s", "5min")] = written("2s")
    """How long a trial may wait for the host to be idle before it starts."""
    sample_interval: Annotated[float, Duration("1ms", "10s")] = written("20ms")
    """Time between two readings of memory and CPU."""
    memory_floor: Annotated[MemoryFloorForm, Shorthand("search", Switch())] | None = None
    """Searches the smallest memory limit at which each variant still serves; `true` will do."""
    runtime_counters: Annotated[bool, Switch()] = written(False)
    """Asks each runtime what it compiled and collected, in trials of their own."""
    keep_going: Annotated[bool, Switch()] = written(False)
    """Measures what can be measured where something is missing; else nothing is."""
    pull: Annotated[str, Choice("missing", "always", "never")] | None = None
    """Which images are pulled before the first trial, where the policy of the host allows it."""
    remove_pulled: Annotated[bool, Switch()] = written(False)
    """Removes what the run pulled when it ends, and nothing that was there before."""


class HostsForm(Form):
    """The hosts that the experiment is for."""

    labels: dict[
        Annotated[
            str,
            Text(
                what="a label such as 'pool' or 'cpu.model'",
                pattern="[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?",
                maximum=63,
            ),
        ],
        Annotated[str, Text("one line of text", r"[^\r\n]*", maximum=128, loose=True)],
    ] = Field(default_factory=dict, max_length=64)
    """Labels that a host must have, all of them; without any, every host matches."""


class ExperimentForm(Form):
    """An experiment: variants of one app, and how they are compared."""

    experiment: Label
    """Name of the experiment."""
    baseline: Label
    """Name of the variant that the others are compared with."""
    variants: dict[Label, VariantForm] = Field(min_length=2, max_length=32)
    """The ways to build and run the app, by name."""
    service: ServiceForm
    """What the app offers, the same in every variant."""
    load: LoadForm | None = None
    """The load that is applied; without it, startup and idle memory are measured."""
    jobs: JobsForm | None = None
    """What a batch program is given to do."""
    beside: dict[Label, CompanionForm] = Field(default_factory=dict, max_length=MOST_COMPANIONS)
    """Services that stand beside the app in every trial, by the names that it knows them by."""
    plan: PlanForm = Field(default_factory=PlanForm)
    """How the experiment is carried out."""
    hosts: HostsForm = Field(default_factory=HostsForm)
    """The hosts that the experiment is for."""
    gates: Annotated[GatesForm, Shorthand("profile", Choice(*GateProfile))] | None = None
    """The limits that decide: the name of a profile, or limits by metric."""
    margins: MarginsForm | None = None
    """How far a metric may differ from the baseline and still be called equivalent."""
    diagnostics: dict[Line, Annotated[str, Choice("blocking", "review", "suppressible")]] = Field(
        default_factory=dict, max_length=256
    )
    """Category of build warnings, by code (`IL2026`), pattern (`IL3*`) or assembly."""
