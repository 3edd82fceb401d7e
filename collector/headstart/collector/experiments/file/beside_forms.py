"""The keys of `beside`: services that an app needs and that are not measured."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import Field

from headstart.collector.experiments.file.forms import (
    Argument,
    EnvironmentName,
    Form,
    Shorthand,
    written,
)
from headstart.collector.experiments.file.image_forms import Image
from headstart.collector.experiments.file.needs_forms import NeedsForm, put_needs
from headstart.collector.experiments.file.phrases import found
from headstart.collector.experiments.file.requests import Pattern
from headstart.collector.experiments.file.units import (
    Choice,
    CpuSet,
    Duration,
    Number,
    Scalar,
    Size,
    Text,
    Whole,
)
from headstart.collector.experiments.file.value_forms import VariableValue, put_environment
from headstart.v1 import experiment_pb2 as pb
from headstart.words.containers import COMPANION_PREFIX, LARGEST_SEED_BYTES

_MOST_PORTS = 64
_PORT = Whole(1, 65535)
_LIVES = {"trial": pb.COMPANION_LIFE_TRIAL, "run": pb.COMPANION_LIFE_RUN}


@dataclass(frozen=True)
class Input(Text):
    """What a command reads: bounded in bytes, since that is what travels."""

    def parse(self, value: object) -> str:
        """See `Scalar`."""
        text = super().parse(value)
        if (size := len(text.encode("utf-8", "surrogatepass"))) > self.maximum:
            raise ValueError(f"expected at most {self.maximum} bytes, found {size}")
        return text


class Words(Scalar):
    """A command in short: its words in a list."""

    def parse(self, value: object) -> list[Any]:
        """See `Scalar`."""
        if isinstance(value, list):
            return value
        raise ValueError(
            f"expected a list of words such as [psql, -f, /seed.sql], or keys such as"
            f" {{command: [psql], input: ...}}, found {found(value)}"
        )

    def json_schema(self) -> dict[str, Any]:
        """See `Scalar`."""
        return {"type": "array", "minItems": 1, "maxItems": 256}


class ReadyForm(Form):
    """When a service can be used."""

    EXACTLY_ONE: ClassVar = ("port", "command", "log")

    port: Annotated[int, _PORT] | None = None
    """A TCP port on which it listens."""
    command: list[Argument] | None = Field(default=None, min_length=1, max_length=256)
    """A command that exits with 0 in its container; tried until it does."""
    log: Annotated[str, Pattern()] | None = None
    """A regular expression that is found in a line of its output."""


class SeedForm(Form):
    """A command that puts in what trials begin with."""

    command: list[Argument] = Field(min_length=1, max_length=256)
    """Run in its container each time that it was started and is ready; it must exit with 0."""
    input: Annotated[str, Input("text", maximum=LARGEST_SEED_BYTES)] = written("")
    """What the command reads from its standard input, at most 64 KiB."""
    timeout: Annotated[float, Duration("100ms", "1h")] = written("60s")
    """How long the command may take."""


class CompanionForm(NeedsForm):
    """A service beside the app, the same for every variant."""

    image: Annotated[str, Image()]
    """An image that the engine of the host holds, or that `plan.pull` lets it pull."""
    command: list[Argument] | None = Field(default=None, min_length=1, max_length=256)
    """Replaces the command (CMD) of the image, after its entrypoint."""
    entrypoint: list[Argument] | None = Field(default=None, min_length=1, max_length=256)
    """Replaces the entrypoint and the command of the image."""
    env: dict[EnvironmentName, VariableValue] = Field(default_factory=dict, max_length=256)
    """Environment variables that it is given."""
    ready: ReadyForm | None = None
    """When it can be used; as soon as its program runs when it is left out."""
    ready_timeout: Annotated[float, Duration("100ms", "1h")] = written("60s")
    """How long it may take until then."""
    fresh: Annotated[str, Choice(*_LIVES)] = written("trial")
    """`trial`: made anew for each trial; `run`: one for all, which keeps what they write."""
    seed: Annotated[SeedForm, Shorthand("command", Words())] | None = None
    """A command that puts in what trials begin with; a list is short for `command`."""
    memory: Annotated[float, Size("4MiB", "16384GiB")] | None = None
    """Memory limit of its container; the agent's own when it is left out."""
    cpu_limit: Annotated[float, Number(1024)] | None = None
    """CPU limit of its container, in cores; none when it is left out."""
    cpus: Annotated[str, CpuSet()] | None = None
    """CPUs that it may use; those that `plan.cpus.server` leaves when it is left out."""
    ports: list[Annotated[int, _PORT]] = Field(default_factory=list, max_length=_MOST_PORTS)
    """TCP ports that it listens on beside that of `ready`."""


def companions_of(forms: Mapping[str, CompanionForm]) -> Iterator[pb.Companion]:
    """The messages of `beside`, in the order of the file."""
    for name, form in forms.items():
        container = pb.Variant(
            name=COMPANION_PREFIX + name,
            image=form.image,
            entrypoint=form.entrypoint or (),
            arguments=form.command or (),
        )
        put_environment(container, form.env)
        put_needs(container, form)
        ready = pb.CompanionReady(timeout_seconds=form.ready_timeout)
        if form.ready is not None:
            _put_ready(ready, form.ready)
        seed = None
        if form.seed is not None:
            seed = pb.Seed(
                argv=form.seed.command,
                input=form.seed.input.encode("utf-8", "surrogatepass"),
                timeout_seconds=form.seed.timeout,
            )
        yield pb.Companion(
            name=name,
            container=container,
            ready=ready,
            life=_LIVES[form.fresh],
            seed=seed,
            memory_limit_bytes=round(form.memory or 0),
            cpu_limit=form.cpu_limit or 0,
            cpus=form.cpus or "",
            ports=dict.fromkeys(form.ports),
        )


def _put_ready(ready: pb.CompanionReady, form: ReadyForm) -> None:
    if form.port is not None:
        ready.port = form.port
    if form.command is not None:
        ready.command.argv.extend(form.command)
    if form.log is not None:
        ready.log_pattern = form.log
