"""One pull by a Docker Engine, watched: too slow, too long, too large, or filling the disk.

A layer may unpack to a thousand times what it is compressed, which nobody tells: while a pull goes
on, the free space of the engine's folder is looked at, where that is on this host.

The engine pulls as long as the connection of the order is open; closing it stops the pull
(tried on 20.10, also when this process is killed), and nothing comes into it afterwards. Its
own connection to a registry that sends nothing it keeps until that lets go.

The login is what docker-py finds: DOCKER_AUTH_CONFIG of the environment, the text of a
config.json, else the config.json of DOCKER_CONFIG or of this user, with its credential helpers.
Only the login of the registry that is asked goes to the engine.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from docker import auth
from docker.errors import DockerException

from headstart.agent.cancellation import Cancellation, Cancelled
from headstart.agent.engine.docker_client import DockerClient
from headstart.agent.engine.event_stream import Event, EventStream, OrderRefused
from headstart.agent.engine.pull_progress import PullProgress
from headstart.agent.engine.pull_reasons import reason_of
from headstart.agent.instances import RuntimeFault, was_cancelled
from headstart.v1.records_pb2 import FailureCode
from headstart.words.foreign.image_reference import ImageReference

LOGIN_VARIABLE = "DOCKER_AUTH_CONFIG"
# Between two looks at the clock and at whether the run was cancelled.
_LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class PullBounds:
    """What a pull may take. `size_bytes` is compressed; the rest is CLOCK_MONOTONIC."""

    size_bytes: int
    # Without any progress, by the engine's events.
    stall_seconds: float = 120.0
    overall_seconds: float = 3600.0
    # What the disk of the engine may lose meanwhile, whoever writes; None: half of what is free.
    disk_bytes: int | None = None


@dataclass(frozen=True)
class PulledImage:
    """A pull that succeeded."""

    progress: PullProgress
    # From the order to the engine's last word.
    begin_ns: int
    end_ns: int


class PullFailed(Exception):
    """Why an image was not pulled, as a sentence; nothing else is wrong with the engine."""


def pull(
    image: ImageReference,
    platform: str,
    bounds: PullBounds,
    cancelled: Cancellation,
    hear: Callable[[PullProgress], None],
) -> PulledImage:
    """Pull an image for a platform such as "linux/amd64"; `hear` what it is at.

    PullFailed, or RuntimeFault when the engine cannot be spoken with or the run is cancelled.
    """
    try:
        client = DockerClient(cancelled)
    except Cancelled as error:
        raise was_cancelled() from error
    except (DockerException, OSError) as error:
        raise RuntimeFault(
            FailureCode.FAILURE_CODE_ENGINE,
            f"the Docker Engine could not be reached for a pull: {error}",
        ) from error
    with closing(client):
        room = _room(client, bounds)
        begin = time.monotonic_ns()
        stream = EventStream("pull", lambda: _events(client, image, platform), client.abort)
        try:
            progress, ended = _watched(stream, bounds, room, cancelled, hear)
        except OrderRefused as refused:
            raise PullFailed(reason_of(str(refused), image, platform)) from refused
        finally:
            stream.close()
    if progress.error:
        raise PullFailed(reason_of(progress.error, image, platform))
    return PulledImage(progress, begin, round(ended * 1e9))


def _events(client: DockerClient, image: ImageReference, platform: str) -> Iterator[Event]:
    with client.call():
        login = _login(image.domain)
        yield from client.pull(
            f"{image.domain}/{image.path}",
            image.digest or image.tag,
            stream=True,
            decode=True,
            platform=platform,
            # None: docker-py looks for itself.
            auth_config=login,
        )


def _login(registry: str) -> dict[str, Any] | None:
    """What the environment says of a registry; None: nothing."""
    text = os.environ.get(LOGIN_VARIABLE, "")
    if not text:
        return None
    try:
        known = auth.load_config(config_dict=json.loads(text))
        found: dict[str, Any] | None = auth.resolve_authconfig(known, registry)
    except (DockerException, ValueError, TypeError, AttributeError, RecursionError) as error:
        # Never the text itself.
        words = f"{LOGIN_VARIABLE} is no Docker configuration: {type(error).__name__}"
        raise OrderRefused(words) from None
    return found


def _room(client: DockerClient, bounds: PullBounds) -> Callable[[], bool]:
    """Whether there still is room on the engine's disk; always, where nobody here sees it."""
    try:
        with client.call():
            folder = str(client.info().get("DockerRootDir") or "")
        if not folder or not str(client.base_url).startswith("http+docker"):
            return lambda: True
        free = _free_bytes(folder)
    except Cancelled as error:
        raise was_cancelled() from error
    except (DockerException, OSError):
        # The pull itself will tell.
        return lambda: True
    least = free - (free // 2 if bounds.disk_bytes is None else bounds.disk_bytes)

    def has_room() -> bool:
        try:
            return _free_bytes(folder) >= least
        except OSError:
            return True

    return has_room


def _free_bytes(folder: str) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def _watched(
    stream: EventStream,
    bounds: PullBounds,
    has_room: Callable[[], bool],
    cancelled: Cancellation,
    hear: Callable[[PullProgress], None],
) -> tuple[PullProgress, float]:
    """The progress at its end, and when that was."""
    progress = PullProgress()
    begin = moved = last = time.monotonic()
    while True:
        if cancelled.is_set():
            raise was_cancelled()
        try:
            arrived = stream.next(_LOOK_SECONDS)
        except EOFError:
            return progress, last
        now = time.monotonic()
        if arrived is not None:
            last, event = arrived
            if progress.take(event):
                moved = last
                hear(progress)
        if progress.transferred_bytes > bounds.size_bytes:
            size = f"at least {progress.transferred_bytes / 1e6:.1f} MB, compressed"
            raise PullFailed(
                f"it is too large: {size}; at most {bounds.size_bytes / 1e6:.1f} MB may be pulled"
                " (pull_limit of this host's policy)"
            )
        if not has_room():
            raise PullFailed(
                "it fills the disk of the engine: too little is left of what was free"
                f" ({progress.transferred_bytes / 1e6:.1f} MB, compressed, told of)"
            )
        if now - moved > bounds.stall_seconds:
            raise PullFailed(
                f"it came to a stop: no progress for {bounds.stall_seconds:g} s"
                f" ({progress.transferred_bytes / 1e6:.1f} MB told of)"
            )
        if now - begin > bounds.overall_seconds:
            raise PullFailed(f"it took too long: more than {bounds.overall_seconds:g} s")
