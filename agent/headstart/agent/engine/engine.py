"""The calls to a Docker Engine that the agent needs, and what they mean when they fail.

Every failure is a RuntimeFault with the code ENGINE and the engine's own words.
"""

import logging
import os
import socket
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import urllib3
from docker.errors import APIError, DockerException, NotFound
from docker.types import LogConfig, Mount, Ulimit

from headstart.agent.cancellation import Cancellation, Cancelled
from headstart.agent.engine.docker_client import TIMEOUT_SECONDS, DockerClient
from headstart.agent.engine.exec_in_container import Executed, execute
from headstart.agent.instances import ExitFacts, RuntimeFault, was_cancelled
from headstart.agent.policy.host_paths import LentPath
from headstart.v1.host_pb2 import Engine as EngineFacts
from headstart.v1.records_pb2 import FailureCode
from headstart.words.foreign.image_reference import MalformedReference, parse_image

log = logging.getLogger(__name__)

_DEFAULT_HOST = "unix:///var/run/docker.sock"
_EXIT_SECONDS = 10
# For the output of an app whose run was cancelled: what time is left is for removing it.
_LAST_WORDS_SECONDS = 1.0
_REMOVE_SECONDS = 10.0
# How long a container may take to appear whose creation was interrupted.
_APPEAR_SECONDS = 2.0
_TAIL_LINES = 400
# Of what the engine takes for so many lines.
_TAIL_BYTES = 16 << 20
_PIECE_BYTES = 1 << 20
_LOG = LogConfig(type="json-file", config={"max-size": "1m", "max-file": "2"})
# Unlike json-file it keeps bytes that are no UTF-8 as they are.
_KEPT_LOG = LogConfig(
    type="local", config={"max-size": "256m", "max-file": "2", "compress": "false"}
)
_BUILDX = (
    "~/.docker/cli-plugins",
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)


@dataclass(frozen=True)
class ContainerSpec:
    """A container as the engine is to make it; nothing that is not here is granted."""

    name: str
    image: str
    argv: Sequence[str]
    labels: Mapping[str, str]
    # "none" (a loopback and nothing else), "host", "bridge" or "container:ID".
    network: str
    memory_bytes: int
    pids: int
    # What it may write to disk; 0: nobody looks.
    disk_bytes: int = 0
    # Host path -> (path in the container, read-only), in order.
    mounts: Mapping[Path, tuple[str, bool]] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    # Empty: the image's own.
    working_directory: str = ""
    user: str = ""
    # The image's own files; what is mounted can be written to.
    read_only: bool = False
    # Folder in the container -> options of the mount.
    tmpfs: Mapping[str, str] = field(default_factory=dict)
    # 0: the engine's default.
    shm_bytes: int = 0
    # Folders of anonymous volumes, which are removed with it.
    volumes: Sequence[str] = ()
    # Folders and files of the host, without what is mounted in them.
    lent: Sequence[LentPath] = ()
    # Soft and hard alike; -1: none.
    ulimits: Mapping[str, int] = field(default_factory=dict)
    # What is not dropped.
    capabilities: Sequence[str] = ()
    # All of its output is kept, as it is, until it is removed.
    keep_output: bool = False
    # A cpuset list; empty: all CPUs.
    cpuset: str = ""
    # 0: no limit.
    cpus: float = 0.0
    # Name -> address, of what it resolves without a server; empty: the engine's own file holds.
    # Not the engine's to apply (`runtimes.hosts_file`).
    hosts: Mapping[str, str] = field(default_factory=dict)
    # Of its namespaces.
    sysctls: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Started:
    """A container that was started. `pid` 0: it ended at once."""

    pid: int
    address: str
    # In bytes, as the engine applied them; memory_swap -1: swap is not limited.
    memory: int
    memory_swap: int


class Engine:
    """A connection to one engine; `close` it.

    When the run is cancelled, calls end with a RuntimeFault CANCELLED, at once; those
    that clean up, and the last words of an app, are bounded.
    """

    def __init__(self, client: DockerClient, cancelled: Cancellation) -> None:
        """Use `connect`."""
        self._client = client
        self.cancelled = cancelled
        # Names of containers that could not be removed.
        self.left_behind: list[str] = []

    @classmethod
    def connect(cls, cancelled: Cancellation | None = None) -> "Engine":
        """The engine that DOCKER_HOST names, else the one of this host."""
        cancelled = cancelled or Cancellation()
        with _faults("be reached"):
            _knock(os.environ.get("DOCKER_HOST") or _DEFAULT_HOST)
            return cls(DockerClient(cancelled), cancelled)

    def close(self) -> None:
        """Close the connections; the next call would open new ones."""
        self._client.close()

    def facts(self) -> EngineFacts:
        """What the engine says of itself."""
        with self._call("say what it is"):
            version, info = self._client.version(), self._client.info()
        # Podman speaks the same language, and says so only here.
        parts = [part.get("Name", "") for part in version.get("Components") or []]
        return EngineFacts(
            name="podman" if any("podman" in part.lower() for part in parts) else "docker",
            version=version.get("Version", ""),
            storage_driver=info.get("Driver", ""),
            cgroup_driver=info.get("CgroupDriver", ""),
            runtime=info.get("DefaultRuntime", ""),
            buildkit=any((Path(at).expanduser() / "docker-buildx").exists() for at in _BUILDX),
        )

    def is_rootless(self) -> bool:
        """Whether it runs without root: its bridge then is in a namespace of its own."""
        with self._call("say what it is"):
            options = self._client.info().get("SecurityOptions") or []
        return any("rootless" in option for option in options)

    def places(self) -> list[Path]:
        """Its socket and where it keeps its containers, as far as these are files of this host."""
        address = os.environ.get("DOCKER_HOST") or _DEFAULT_HOST
        with self._call("say where it keeps containers"):
            found = [str(self._client.info().get("DockerRootDir") or "")]
        if address.startswith("unix://"):
            found.append(address.removeprefix("unix://"))
        return [Path(each) for each in found if each.startswith("/")]

    def image(self, reference: str, cleaning_up: bool = False) -> dict[str, Any] | None:
        """What `docker image inspect` shows; None when the engine does not hold it.

        RuntimeFault for what is no reference: in the path of a request, `..` and the like
        would name something else.
        """
        try:
            parse_image(reference)
        except MalformedReference as error:
            raise RuntimeFault(
                FailureCode.FAILURE_CODE_REFUSED_BY_POLICY,
                f"{reference!r} is no reference of an image: {error}",
            ) from error
        with self._call(f"look for image {reference}", cleaning_up):
            try:
                return dict(self._client.inspect_image(reference))  # type: ignore[no-untyped-call]  # stub
            except NotFound:
                return None

    def untag(self, name: str) -> None:
        """Take a name from an image, which goes with its last one; nothing when it is gone."""
        with self._call(f"remove image {name}", cleaning_up=True), suppress(NotFound):
            self._client.remove_image(name, force=False, noprune=True)

    def tag(self, image_id: str, name: str) -> None:
        """Give an image a name, in full."""
        repository, _, tag = name.rpartition(":")
        with self._call(f"tag image {name}", cleaning_up=True):
            self._client.tag(image_id, repository, tag)

    def history(self, image_id: str) -> list[dict[str, Any]]:
        """The image's history, the oldest step first."""
        with self._call(f"read the history of image {image_id}"):
            return list(reversed(self._client.history(image_id)))  # type: ignore[no-untyped-call]  # stub

    def images(self) -> list[dict[str, Any]]:
        """All images with a name, in short: Id, RepoTags, RepoDigests."""
        with self._call("list images"):
            return list(self._client.images())

    def save(self, image_id: str) -> Generator[bytes, None, None]:
        """The image with all its layers, as `docker save` writes it, in pieces."""
        with self._call(f"give out image {image_id}"):
            yield from self._download(f"/images/{image_id}/get", {})

    def holds(self, container: str, path: str) -> bool:
        """Whether a container, started or not, has this file or folder."""
        address = f"{self._client.base_url}/v{self._client.api_version}"
        with self._call(f"look for {path}"):
            answer = self._client.head(
                f"{address}/containers/{container}/archive",
                params={"path": path},
                timeout=self._client.timeout,
            )
            if answer.status_code == requests.codes.not_found:
                return False
            answer.raise_for_status()
            return True

    def file(self, container: str, path: str) -> Generator[bytes, None, None]:
        """A file or folder of a container, started or not, as an archive, in pieces."""
        with self._call(f"read {path}"):
            yield from self._download(f"/containers/{container}/archive", {"path": path})

    def _download(self, path: str, parameters: dict[str, str]) -> Iterator[bytes]:
        """docker-py's own leave the connection open when the reader stops before the end."""
        address = f"{self._client.base_url}/v{self._client.api_version}{path}"
        with self._client.get(
            address, params=parameters, stream=True, timeout=self._client.timeout
        ) as answer:
            answer.raise_for_status()
            yield from answer.iter_content(_PIECE_BYTES)

    def create(self, spec: ContainerSpec) -> str:
        """Make a container and return its id."""
        with self._call(f"create {spec.name}"):
            host = self._client.create_host_config(
                network_mode=spec.network,
                mounts=[
                    *(
                        Mount(target, str(source), type="bind", read_only=read_only)
                        for source, (target, read_only) in spec.mounts.items()
                    ),
                    *(Mount(target, None, type="volume") for target in spec.volumes),
                    *(_lent(each) for each in spec.lent),
                ],
                read_only=spec.read_only,
                tmpfs=dict(spec.tmpfs),
                shm_size=spec.shm_bytes or None,
                cap_drop=["ALL"],
                cap_add=list(spec.capabilities),
                security_opt=["no-new-privileges"],
                privileged=False,
                # Equal: no swap, which would hide memory from every figure.
                mem_limit=spec.memory_bytes,
                memswap_limit=spec.memory_bytes,
                pids_limit=spec.pids,
                sysctls=dict(spec.sysctls),
                cpuset_cpus=spec.cpuset or None,
                nano_cpus=round(spec.cpus * 1e9) or None,
                # A crash is to write no file while the next trial is measured.
                ulimits=[
                    Ulimit(name=name, soft=most, hard=most)
                    for name, most in {**spec.ulimits, "core": 0}.items()
                ],
                # An engine may be set up to put an init before every program.
                init=False,
                log_config=_KEPT_LOG if spec.keep_output else _LOG,
            )
            try:
                made = self._client.create_container(
                    image=spec.image,
                    entrypoint=list(spec.argv),
                    environment=dict(spec.environment),
                    working_dir=spec.working_directory or None,
                    user=spec.user or None,
                    labels=dict(spec.labels),
                    name=spec.name,
                    host_config=host,
                    # The image's own would run programs beside the app while it is measured.
                    healthcheck={"test": ["NONE"]},
                    use_config_proxy=False,
                )
                return str(made["Id"])
            except APIError:
                raise
            except BaseException:
                # Ctrl-C or a time-out: the engine makes it nevertheless.
                with suppress(RuntimeFault):
                    self.remove(spec.name, spec.name, interrupted=True)
                raise

    def start(self, container: str, name: str) -> Started:
        """Start it; what became of it."""
        with self._call(f"start {name}"):
            try:
                self._client.start(container)
            except APIError as error:
                # A race of its own makes an engine fail a start now and then ("cannot
                # start an already running container"); what is wrong fails twice.
                log.warning("the Docker Engine could not start %s, once more: %s", name, error)
                self._client.start(container)
            found = self._client.inspect_container(container)
        networks = found["NetworkSettings"]["Networks"].values()
        addresses = [network["IPAddress"] for network in networks if network.get("IPAddress")]
        return Started(
            pid=int(found["State"]["Pid"]),
            address=next(iter(addresses), ""),
            memory=int(found["HostConfig"]["Memory"]),
            memory_swap=int(found["HostConfig"]["MemorySwap"]),
        )

    def exit_facts(self, container: str, name: str) -> ExitFacts:
        """Waits until the engine has seen the end and has all of the output; then how it was."""
        with self._call(f"say how {name} ended"):
            self._client.wait(container, timeout=_EXIT_SECONDS)
            state = self._client.inspect_container(container)["State"]
        return ExitFacts(status=int(state["ExitCode"]), oom_killed=bool(state["OOMKilled"]))

    def output(self, container: str, limit_bytes: int, stdout: bool = True) -> str:
        """The end of stderr and (unless told not) stdout, in the order the engine got them."""
        data = self.output_bytes(container, limit_bytes, stdout, lines=_TAIL_LINES)
        return data.decode("utf-8", "replace")

    def output_bytes(
        self, container: str, limit_bytes: int, stdout: bool = True, lines: int | None = None
    ) -> bytes:
        """The same, as it is, of so many lines or of all that the engine kept."""
        tail: Any = "all" if lines is None else lines
        with self._call("read the output of the app", True, _LAST_WORDS_SECONDS):
            pieces = self._client.logs(
                container, stdout=stdout, stderr=True, tail=tail, stream=True, follow=False
            )
            data, got = b"", 0
            try:
                # A line is as long as the app likes.
                for piece in pieces:
                    data = (data + piece)[-limit_bytes:]
                    got += len(piece)
                    if got > _TAIL_BYTES:
                        break
            finally:
                pieces.close()
        return data

    def attach(self, container: str, name: str) -> socket.socket:
        """A connection on which all that it writes from now on comes, in frames; close it.

        The engine holds a MB for a reader that is late, and lets the app wait then.
        """
        with self._call(f"attach to {name}"):
            found = self._client.attach_socket(
                container, params={"stdout": 1, "stderr": 1, "stream": 1}
            )
            # docker-py gives the file that it reads answers from, or the socket below it.
            connection: socket.socket = getattr(found, "_sock", found)
            # docker-py's own would be left to the garbage collector, with its answer.
            own = connection.dup()
            getattr(found, "_response", found).close()
            connection.close()
            return own

    def stdout(self, container: str, limit_bytes: int) -> Iterator[bytes]:
        """What stdout holds by now, in pieces, ending with the first beyond the limit."""
        with self._call("read the output of the app"):
            got = 0
            pieces = self._client.logs(
                container, stdout=True, stderr=False, stream=True, follow=False
            )
            try:
                for piece in pieces:
                    yield piece
                    got += len(piece)
                    if got > limit_bytes:
                        return
            finally:
                pieces.close()

    def beginning(self, container: str, limit_bytes: int) -> bytes:
        """The first of its stdout and stderr, in the order the engine got them."""
        with self._call("read the output of a container"):
            data = b""
            with closing(self._client.logs(container, stream=True, follow=False)) as pieces:
                for piece in pieces:
                    data += piece
                    if len(data) >= limit_bytes:
                        break
        return data[:limit_bytes]

    def execute(
        self, container: str, argv: Sequence[str], given: bytes, seconds: float
    ) -> Executed:
        """Run a command in a container that runs, for at most so long. See `exec_in_container`."""
        with self._call(f"run {argv[0]} in a container"):
            return execute(self._client, container, argv, given, seconds)

    def labelled(self, label: str, value: str) -> dict[str, str]:
        """All containers with this label, running or not: id -> name."""
        with self._call("list containers"):
            found = self._client.containers(all=True, filters={"label": f"{label}={value}"})
        return {each["Id"]: each["Names"][0].lstrip("/") for each in found if each["Names"]}

    def remove(self, container: str, name: str = "", interrupted: bool = False) -> None:
        """Kill and remove, with its anonymous volumes; nothing when it is gone.

        `interrupted`: its creation was, so that it may appear yet.
        """
        # What a cancellation ended is tried again, within the time that is for cleaning up.
        for last in (self.cancelled.is_set(), True):
            try:
                self._remove(container, interrupted)
                return
            except RuntimeFault:
                if last or not self.cancelled.is_set():
                    self.left_behind.append(name or container)
                    raise

    def _remove(self, container: str, interrupted: bool) -> None:
        begin = time.monotonic()
        with self._call(f"remove {container}", cleaning_up=True):
            while True:
                waited = time.monotonic() - begin
                late = waited > _REMOVE_SECONDS or self.cancelled.seconds_left() == 0
                try:
                    self._client.remove_container(container, v=True, force=True)
                except NotFound:
                    if not interrupted or waited > _APPEAR_SECONDS:
                        return
                except APIError as error:
                    # 409: somebody else removes it at this moment.
                    if error.status_code != 409 or late:
                        raise
                else:
                    return
                time.sleep(0.02)

    @contextmanager
    def _call(
        self, doing: str, cleaning_up: bool = False, seconds_when_cancelled: float = TIMEOUT_SECONDS
    ) -> Iterator[None]:
        """Make a call; what fails is a RuntimeFault. See `DockerClient.call`."""
        seconds = seconds_when_cancelled if self.cancelled.is_set() else TIMEOUT_SECONDS
        with _faults(doing), self._client.call(cleaning_up, seconds):
            yield


def _lent(path: LentPath) -> Mount:
    """docker-py knows no NonRecursive: what is mounted within would come too, and writable."""
    mount = Mount(path.target, str(path.source), type="bind", read_only=path.read_only)
    mount["BindOptions"] = {"Propagation": "rprivate", "NonRecursive": True}
    return mount


def _knock(address: str) -> None:
    """OSError when nobody listens there; docker-py would leave its socket to the collector."""
    if address.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as probe:
            # Else it waits for an engine that is stopped.
            probe.settimeout(TIMEOUT_SECONDS)
            probe.connect(address.removeprefix("unix://"))


@contextmanager
def _faults(doing: str) -> Iterator[None]:
    """Tell what failed in the engine's words, or why the engine cannot be spoken with.

    OSError includes every error of requests.
    """
    try:
        yield
    except Cancelled as cancelled:
        raise was_cancelled() from cancelled
    except APIError as error:
        words = error.explanation or str(error)
        raise RuntimeFault(
            FailureCode.FAILURE_CODE_ENGINE, f"the Docker Engine could not {doing}: {words}"
        ) from error
    except (DockerException, OSError, urllib3.exceptions.HTTPError) as error:
        raise RuntimeFault(
            FailureCode.FAILURE_CODE_ENGINE,
            f"the Docker Engine at {os.environ.get('DOCKER_HOST') or _DEFAULT_HOST} could not"
            f" {doing}: {_reason(error)}",
        ) from error


def _reason(error: BaseException) -> str:
    """The system's error under the layers of requests, urllib3 and docker, with what to do."""
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, OSError) and below.strerror:
            advice = _ADVICE.get(type(below), "")
            return f"{below.strerror}{advice}"
        below = below.__cause__ or below.__context__
    return str(error)


_ADVICE = {
    FileNotFoundError: "; is dockerd running? (DOCKER_HOST may name another socket)",
    ConnectionRefusedError: "; is dockerd running?",
    PermissionError: "; this user may not use it (join the group docker, or be root)",
}
