"""Requests, checks and what a correct answer is: the keys that are the same wherever they stand."""

from typing import Annotated, Any, ClassVar

from pydantic import Discriminator, Field, Tag

from headstart.collector.experiments.file.forms import (
    Argument,
    EnvironmentName,
    FolderPath,
    Form,
    Header,
    Line,
    Shorthand,
    written,
)
from headstart.collector.experiments.file.image_forms import Image
from headstart.collector.experiments.file.load_forms import Tls
from headstart.collector.experiments.file.needs_forms import NeedsForm
from headstart.collector.experiments.file.requests import HeaderName, Pattern, Request, RequestLine
from headstart.collector.experiments.file.units import Duration, Size, Text, Whole
from headstart.collector.experiments.file.value_forms import HeaderValue, VariableValue
from headstart.words.readiness import MOST_STEPS
from headstart.words.test_reports import JUNIT_PATTERN, LONGEST_JUNIT

PACKAGES = Text(
    what="a package or an assembly such as 'AutoMapper' or 'Microsoft.EntityFrameworkCore*'",
    pattern=r"[A-Za-z0-9_.*?+-]+",
    maximum=256,
)


_JUNIT = Text(
    "an absolute path in the container, without '..', a blank, ':' or ','",
    JUNIT_PATTERN,
    maximum=LONGEST_JUNIT,
)


class ExpectForm(Form):
    """What a correct answer is."""

    status: Annotated[int, Whole(100, 599)] | None = None
    """Status of the answer; any from 200 to 299 when it is left out."""
    headers: dict[Annotated[str, HeaderName(sent=False)], Header] = Field(
        default_factory=dict, max_length=64
    )
    """Headers that must be there with exactly this value."""
    json_subset: Any = Field(default=None, alias="json")
    """A JSON document that must be contained in the body."""
    body: Annotated[str, Pattern()] | None = None
    """A regular expression that must be found in the body."""


class RequestForm(Form):
    """A request and the answer that is correct."""

    request: Annotated[Request, RequestLine()] | None = None
    """Method, path and, if need be, the expected status: `GET /players -> 200`."""
    json_body: Any = Field(default=None, alias="json")
    """Body of the request, sent as JSON."""
    body: Annotated[str, Text("text", maximum=262144)] | None = None
    """Body of the request, sent as it stands."""
    headers: dict[Annotated[str, HeaderName(sent=True)], HeaderValue] = Field(
        default_factory=dict, max_length=64
    )
    """Headers of the request."""
    expect: ExpectForm = Field(default_factory=ExpectForm)
    """What a correct answer is."""


class CheckForm(RequestForm, NeedsForm):
    """A request, a command of the user's own, a container of tests or a line of a worker's log,
    and what is correct."""

    EXACTLY_ONE: ClassVar = ("request", "command", "image", "log")
    MAY_FOLLOW: ClassVar = {"command": "image"}
    # Of a command and of a container.
    PROGRAM_KEYS: ClassVar = frozenset({"exit", "output", "timeout"})
    REQUEST_KEYS: ClassVar = frozenset({"json", "body", "headers", "expect", "port", "tls"})

    name: Line | None = None
    """Name in reports, unique in the experiment; made from what it runs."""
    port: Annotated[int, Whole(1, 65535)] | None = None
    """Another port than the app's that it is sent to, as one for management."""
    tls: Annotated[str, Tls()] = written(False)
    """Whether that port speaks TLS; `unverified` accepts any certificate."""
    command: list[Argument] | None = Field(default=None, max_length=256)
    """A program and its arguments, run on the host with HEADSTART_URL set; with `image` what it
    is given in place of the image's CMD."""
    image: Annotated[str, Image()] | None = None
    """An image whose container runs tests in the app's network, with HEADSTART_URL set."""
    exit: Annotated[int, Whole(0, 255)] = written(0)
    """Exit status of the command or the container that is correct."""
    output: Annotated[str, Pattern()] | None = None
    """A regular expression that must be found in what it writes."""
    timeout: Annotated[float, Duration("100ms", "1h")] = written("30s")
    """How long the command may take; a container takes 5min when it is left out."""
    junit: Annotated[str, _JUNIT] | None = None
    """File or folder of the container in which it leaves JUnit XML, read test by test."""
    entrypoint: list[Argument] | None = Field(default=None, min_length=1, max_length=256)
    """Replaces the entrypoint and the command of the container's image."""
    env: dict[EnvironmentName, VariableValue] = Field(default_factory=dict, max_length=256)
    """Environment variables that the container is given."""
    workdir: FolderPath | None = None
    """Working directory in the container."""
    memory: Annotated[float, Size("6MiB", "16384GiB")] | None = None
    """Memory limit of the container; the policy's when it is left out."""
    log: Annotated[str, Pattern()] | None = None
    """Under `ready`, of a worker: a regular expression that a line of its log must match."""
    covers: list[Annotated[str, PACKAGES]] = Field(default_factory=list, max_length=100)
    """Packages or assemblies that it runs through: `[AutoMapper, "Microsoft.Entity*"]`."""

    @classmethod
    def container_keys(cls) -> frozenset[str]:
        """Those that go with `image` only."""
        own = {"junit", "entrypoint", "env", "workdir", "memory"}
        return frozenset(own | NeedsForm.known_keys().keys())


Check = Annotated[CheckForm, Shorthand("request", RequestLine())]


def _tag(value: object) -> str:
    return _SEVERAL if isinstance(value, list) else _ONE


# In pydantic's places of mistakes, which no file has: `mistakes` leaves them out.
_ONE, _SEVERAL = "(one)", "(several)"
TAGS = (_ONE, _SEVERAL)
Steps = Annotated[
    Annotated[Check, Tag(_ONE)]
    | Annotated[list[Check], Field(min_length=1, max_length=MOST_STEPS), Tag(_SEVERAL)],
    Discriminator(_tag),
]


def steps_in(ready: object) -> list[object]:
    """Steps of readiness as a file or its form states them: one, or a list."""
    return list(ready) if isinstance(ready, list) else [ready]


class LoadRequestForm(RequestForm):
    """One request of a mix."""

    EXACTLY_ONE: ClassVar = ("request",)

    weight: Annotated[int, Whole(1, 1000)] = written(1)
    """How often it is sent, in relation to the others."""
