"""The calls to a Docker Engine that builds need, on a connection of their own.

A build is stopped by closing the connection; the engine then kills and removes what it
runs for the build (classic builder and BuildKit alike, tried on 20.10, also when this
process is killed).
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any

from docker.errors import DockerException, NotFound

from headstart.agent.cancellation import Cancellation, Cancelled
from headstart.agent.engine.docker_client import DockerClient
from headstart.agent.engine.event_stream import Event, EventStream
from headstart.agent.instances import RuntimeFault, was_cancelled
from headstart.v1.experiment_pb2 import BUILDER_BUILDKIT, BUILDER_CLASSIC, Builder
from headstart.v1.records_pb2 import FailureCode
from headstart.words.foreign.image_reference import MalformedReference, parse_image

# For those about a build that runs.
_QUESTION_SECONDS = 2
# Of the tags that are ours; an image with another one is somebody's.
TAG_PREFIX = "headstart/"


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


class BuildEngine:
    """An engine that builds; RuntimeFault when it cannot be spoken with. `close` it."""

    def __init__(self, cancelled: Cancellation | None = None) -> None:
        """Connect to the engine that DOCKER_HOST names, else the one of this host.

        `cancelled`: of the run that it serves; what removes is called then too.
        """
        self._cancelled = cancelled or Cancellation()
        with _faults("be reached for a build"):
            self._client = DockerClient(self._cancelled)
            answered: list[Any] = []
            self._client.hooks["response"].append(lambda answer, **_: answered.append(answer))
            with self._client.call():
                self._client.ping()
            self._client.hooks["response"].clear()
            # Apart, since the build's own is in use as long as it runs.
            self._questions = DockerClient(self._cancelled)
        # What `docker build` goes by; engines from version 23 on say "2", for BuildKit.
        says = answered[-1].headers.get("Builder-Version", "1")
        self.default_builder = BUILDER_BUILDKIT if says == "2" else BUILDER_CLASSIC

    def build(self, order: Order, context: IO[bytes]) -> EventStream:
        """Send the context and build; missing base images may be pulled, present ones are not."""

        def begin() -> Iterator[Event]:
            with self._client.call():
                yield from events()

        def events() -> Iterator[Event]:
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

        return EventStream("build", begin, self._client.abort)

    def everything(self) -> frozenset[str]:
        """The ids of all images and containers, intermediate and stopped ones too."""
        with _faults("list what it holds"), self._client.call():
            listed = [*self._client.images(all=True), *self._client.containers(all=True)]
        return frozenset(str(each["Id"]) for each in listed)

    def step_container(self, container: str) -> str:
        """The full id of a container, asked while a build runs; empty when there is none."""
        return self._asked(self._questions.inspect_container, container)

    def step_image(self, image: str) -> str:
        """The full id of an image, likewise."""
        return self._asked(self._questions.inspect_image, image)

    def _asked(self, inspect: Callable[[str], Any], what: str) -> str:
        # Impatient: whoever follows a build also watches for its end.
        with _faults(f"look for {what}"), self._questions.call(True, _QUESTION_SECONDS):
            try:
                return str(inspect(what)["Id"])
            except NotFound:
                return ""

    def image_id(self, reference: str) -> str:
        """Empty when the engine does not hold it. RuntimeFault for what is no reference."""
        try:
            parse_image(reference)
        except MalformedReference as error:
            raise _fault(f"look for {reference!r}", error) from error
        with _faults(f"look for image {reference}"), self._client.call():
            try:
                return str(self._client.inspect_image(reference)["Id"])  # type: ignore[no-untyped-call]  # stub
            except NotFound:
                return ""

    def remove_image(self, image: str) -> bool:
        """False: not yet, since somebody uses it or has built upon it."""
        try:
            with self._client.call(cleaning_up=True):
                tags = self._client.inspect_image(image)["RepoTags"] or []  # type: ignore[no-untyped-call]  # stub
                if all(tag.startswith(TAG_PREFIX) for tag in tags):
                    # No parents with it: what it was built upon may be an image of the user's.
                    self._client.remove_image(image, force=False, noprune=True)
        except NotFound:
            return True
        except (DockerException, OSError, Cancelled):
            return False
        return True

    def remove_container(self, container: str) -> None:
        """Kill and remove a step's container, if it is there."""
        with (
            suppress(DockerException, OSError, Cancelled),
            self._client.call(cleaning_up=True),
        ):
            self._client.remove_container(container, v=True, force=True)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
        self._questions.close()


@contextmanager
def _faults(doing: str) -> Iterator[None]:
    try:
        yield
    except Cancelled as cancelled:
        raise was_cancelled() from cancelled
    except (DockerException, OSError) as error:
        raise _fault(doing, error) from error


def _fault(doing: str, error: Exception) -> RuntimeFault:
    return RuntimeFault(
        FailureCode.FAILURE_CODE_ENGINE, f"the Docker Engine could not {doing}: {error}"
    )
