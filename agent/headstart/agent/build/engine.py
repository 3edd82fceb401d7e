"""The calls to a Docker Engine that builds need, on a connection of their own.

A build's events arrive in a thread, each stamped at once: whoever reads them may also
watch the build's memory, or stop it. Stopping is closing the connection; the engine
then kills and removes what it runs for the build (classic builder and BuildKit alike,
tried on 20.10, also when this process is killed).
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import IO, Any

import docker
import urllib3
from docker.errors import APIError, DockerException, NotFound
from docker.types import CancellableStream
from docker.utils import kwargs_from_env

from headstart.agent.runtime import RuntimeFault
from headstart.v1.experiment_pb2 import BUILDER_BUILDKIT, BUILDER_CLASSIC, Builder
from headstart.v1.records_pb2 import FailureCode
from headstart.words.image_reference import MalformedReference, parse_image

# For every call but the build itself.
_TIMEOUT_SECONDS = 60
# For those about a build that runs.
_QUESTION_SECONDS = 2
# How long the engine may take to let go of a build that was stopped.
_STOP_SECONDS = 20.0

# Of the tags that are ours; an image with another one is somebody's.
TAG_PREFIX = "headstart/"

Event = dict[str, Any]


@dataclass(frozen=True)
class Order:
    """A build as the engine is to make it, in the engine's words."""

    dockerfile: str
    tag: str
    no_cache: bool
    target: str
    arguments: Mapping[str, str]
    # "default" or "none".
    network: str
    # Of each step's container; the classic builder's alone, BuildKit knows no limit.
    memory_bytes: int
    builder: Builder.ValueType


class BuildRefused(Exception):
    """The engine did not take the order: its words, such as of a mistake in a Dockerfile."""


class BuildStream:
    """The events of one build; `close` it, which stops a build that still runs."""

    def __init__(self, begin: Callable[[], Iterator[Event]], responses: list[Any]) -> None:
        """`responses` holds the engine's answer once there is one."""
        self._begin = begin
        self._responses = responses
        self._arrived: SimpleQueue[tuple[float, Event] | None] = SimpleQueue()
        self._closing = False
        self._error: Exception | None = None
        # A daemon: an engine that hangs must not keep the agent from ending.
        self._thread = threading.Thread(target=self._read, name="build", daemon=True)
        self._thread.start()

    def next(self, timeout_seconds: float) -> tuple[float, Event] | None:
        """An event with its CLOCK_MONOTONIC second; None: none came in this time.

        EOFError after the last one. BuildRefused, or RuntimeFault when the engine was lost.
        """
        try:
            arrived = self._arrived.get(timeout=timeout_seconds)
        except Empty:
            return None
        if arrived is not None:
            return arrived
        if self._error is not None:
            raise self._error
        raise EOFError

    def close(self) -> None:
        """Idempotent; returns when the engine has let go, or after 20 s."""
        self._closing = True
        deadline = time.monotonic() + _STOP_SECONDS
        while self._thread.is_alive() and time.monotonic() < deadline:
            if self._responses:
                # OSError: closed already. AttributeError: the answer was just read to its end.
                with suppress(OSError, AttributeError):
                    CancellableStream(iter(()), self._responses[-1]).close()
            self._thread.join(0.1)

    def _read(self) -> None:
        try:
            for event in self._begin():
                self._arrived.put((time.monotonic(), event))
        except APIError as error:
            self._error = BuildRefused(error.explanation or str(error))
        except (DockerException, OSError, urllib3.exceptions.HTTPError, ValueError) as error:
            if not self._closing:
                self._error = RuntimeFault(
                    FailureCode.FAILURE_CODE_ENGINE,
                    f"the Docker Engine was lost during the build: {error}",
                )
        self._arrived.put(None)


class BuildEngine:
    """An engine that builds; RuntimeFault when it cannot be spoken with. `close` it."""

    def __init__(self) -> None:
        """Connect to the engine that DOCKER_HOST names, else the one of this host."""
        self._responses: list[Any] = []
        try:
            self._client = docker.APIClient(timeout=_TIMEOUT_SECONDS, **kwargs_from_env())
            self._client.hooks["response"].append(self._keep)
            self._client.ping()
        except (DockerException, OSError) as error:
            raise _fault("be reached for a build", error) from error
        # Apart, so that its responses are not taken for that of the build; and impatient,
        # since whoever follows a build also watches for its end.
        self._questions = docker.APIClient(
            version=self._client.api_version, timeout=_QUESTION_SECONDS, **kwargs_from_env()
        )
        # What `docker build` goes by; engines from version 23 on say "2", for BuildKit.
        says = self._responses[-1].headers.get("Builder-Version", "1")
        self.default_builder = BUILDER_BUILDKIT if says == "2" else BUILDER_CLASSIC

    def build(self, order: Order, context: IO[bytes]) -> BuildStream:
        """Send the context and build; missing base images may be pulled, present ones are not."""
        self._responses.clear()

        def begin() -> Iterator[Event]:
            # docker-py has no parameter for it, but its client is a session of requests.
            self._client.params = {"version": "2"} if order.builder == BUILDER_BUILDKIT else {}
            try:
                return self._client.build(
                    fileobj=context,
                    custom_context=True,
                    dockerfile=order.dockerfile,
                    tag=order.tag,
                    nocache=order.no_cache,
                    target=order.target or None,
                    buildargs=dict(order.arguments),
                    network_mode=order.network,
                    container_limits={"memory": order.memory_bytes, "memswap": order.memory_bytes},
                    rm=True,
                    forcerm=True,
                    pull=False,
                    decode=True,
                    timeout=None,
                    use_config_proxy=True,
                )
            finally:
                self._client.params = {}

        return BuildStream(begin, self._responses)

    def everything(self) -> frozenset[str]:
        """The ids of all images and containers, intermediate and stopped ones too."""
        try:
            listed = [*self._client.images(all=True), *self._client.containers(all=True)]
        except (DockerException, OSError) as error:
            raise _fault("list what it holds", error) from error
        return frozenset(str(each["Id"]) for each in listed)

    def step_container(self, container: str) -> str:
        """The full id of a container, asked while a build runs; empty when there is none."""
        return self._asked(self._questions.inspect_container, container)

    def step_image(self, image: str) -> str:
        """The full id of an image, likewise."""
        return self._asked(self._questions.inspect_image, image)

    def _asked(self, inspect: Callable[[str], Any], what: str) -> str:
        try:
            return str(inspect(what)["Id"])
        except NotFound:
            return ""
        except (DockerException, OSError) as error:
            raise _fault(f"look for {what}", error) from error

    def image_id(self, reference: str) -> str:
        """Empty when the engine does not hold it. RuntimeFault for what is no reference."""
        try:
            parse_image(reference)
        except MalformedReference as error:
            raise _fault(f"look for {reference!r}", error) from error
        try:
            return str(self._client.inspect_image(reference)["Id"])  # type: ignore[no-untyped-call]  # stub
        except NotFound:
            return ""
        except (DockerException, OSError) as error:
            raise _fault(f"look for image {reference}", error) from error

    def remove_image(self, image: str) -> bool:
        """False: not yet, since somebody uses it or has built upon it."""
        try:
            tags = self._client.inspect_image(image)["RepoTags"] or []  # type: ignore[no-untyped-call]  # stub
            if all(tag.startswith(TAG_PREFIX) for tag in tags):
                # No parents with it: what it was built upon may be an image of the user's.
                self._client.remove_image(image, force=False, noprune=True)
        except NotFound:
            return True
        except (DockerException, OSError):
            return False
        return True

    def remove_container(self, container: str) -> None:
        """Kill and remove a step's container, if it is there."""
        with suppress(DockerException, OSError):
            self._client.remove_container(container, v=True, force=True)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
        self._questions.close()

    def _keep(self, response: Any, *_: Any, **__: Any) -> None:
        self._responses.append(response)


def _fault(doing: str, error: Exception) -> RuntimeFault:
    return RuntimeFault(
        FailureCode.FAILURE_CODE_ENGINE, f"the Docker Engine could not {doing}: {error}"
    )
