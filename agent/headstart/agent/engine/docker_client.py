"""A client of a Docker Engine whose calls can be ended from another thread.

docker-py waits up to its timeout for each piece of an answer, and for ever for some
streams. Shutting the socket down ends any of it at once.
"""

import socket
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from typing import Any

import docker
import requests.adapters
from docker.transport.unixconn import UnixHTTPAdapter
from docker.utils import kwargs_from_env

from headstart.agent.cancellation import Cancellation, Cancelled

# A start on a busy disk takes seconds; more means that the engine hangs.
TIMEOUT_SECONDS = 60.0

_Track = Callable[[Any], None]


class DockerClient(docker.APIClient):
    """docker-py's, at what DOCKER_HOST names or the engine of this host.

    Every call is made within `call`; one that a cancellation ends raises an error of
    docker-py's, of requests' or of urllib3's.
    """

    def __init__(self, cancelled: Cancellation) -> None:
        self._cancelled = cancelled
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._guard = threading.Lock()
        # Whether the present call may go on though the run was cancelled.
        self._cleaning_up = False
        with self.call():
            # Asks the engine for its version.
            super().__init__(timeout=TIMEOUT_SECONDS, **kwargs_from_env())  # type: ignore[arg-type]  # stub: requests takes fractions

    @contextmanager
    def call(self, cleaning_up: bool = False, seconds: float = TIMEOUT_SECONDS) -> Iterator[None]:
        """A call, which waits at most so long for each piece of its answer.

        Cancelled when the run is cancelled before it ends, unless it cleans up:
        then it gets what time is left for that.
        """
        if not cleaning_up:
            self._cancelled.raise_if_set()
        left = self._cancelled.seconds_left()
        if left == 0:
            # The time for cleaning up is over: what is left is for the next agent.
            raise Cancelled
        seconds = seconds if left is None else min(seconds, left)
        self.timeout = seconds  # type: ignore[assignment]  # stub: requests takes fractions
        outer, self._cleaning_up = self._cleaning_up, cleaning_up
        begun_after = self._cancelled.is_set()
        try:
            with self._cancelled.ending(self.abort) if not begun_after else nullcontext():
                yield
        except Exception as error:
            if self._cancelled.is_set() and not cleaning_up:
                raise Cancelled from error
            raise
        finally:
            self._cleaning_up = outer

    def abort(self) -> None:
        """End all calls. They raise; later ones connect anew."""
        with self._guard:
            sockets = list(self._sockets)
        for each in sockets:
            # OSError: closed already.
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def mount(self, prefix: str | bytes, adapter: Any) -> None:
        """See requests.Session: docker-py mounts its adapters with it."""
        if isinstance(adapter, UnixHTTPAdapter):
            adapter = _UnixAdapter(self._track, adapter)
        elif type(adapter) is requests.adapters.HTTPAdapter:
            adapter = _TcpAdapter(self._track)
        super().mount(prefix, adapter)

    def _track(self, connection: Any) -> None:
        connect = connection.connect

        def tracked() -> None:
            connect()
            with self._guard:
                self._sockets.add(connection.sock)
            # The run may have been cancelled while this socket was not among those to end.
            if self._cancelled.is_set() and not self._cleaning_up:
                self.abort()

        connection.connect = tracked


class _UnixAdapter(UnixHTTPAdapter):
    def __init__(self, track: _Track, like: UnixHTTPAdapter) -> None:
        self._track = track
        super().__init__(like.socket_path, like.timeout, max_pool_size=like.max_pool_size)

    def get_connection(self, url: Any, proxies: Any = None) -> Any:
        return _tracked(super().get_connection(url, proxies), self._track)


class _TcpAdapter(requests.adapters.HTTPAdapter):
    def __init__(self, track: _Track) -> None:
        self._track = track
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = {
            scheme: partial(self._pool, pool_class)
            for scheme, pool_class in self.poolmanager.pool_classes_by_scheme.items()
        }

    def _pool(self, pool_class: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        return _tracked(pool_class(*arguments, **named), self._track)


def _tracked(pool: Any, track: _Track) -> Any:
    """The same pool of urllib3; `track` is given each connection that it makes."""
    if "_new_conn" not in vars(pool):
        make = pool._new_conn

        def new_connection() -> Any:
            connection = make()
            track(connection)
            return connection

        pool._new_conn = new_connection
    return pool
