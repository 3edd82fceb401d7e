"""Where the collector listens: a unix socket of its own user, or TCP with client certificates.

Whoever can connect can submit, and what is submitted runs on every agent. So an address
is refused here unless the connections to it are known to be wanted.
"""

import logging
import os
import resource
import socket
import stat
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import grpc
import grpc.aio

from headstart.collector.config import CollectorConfig
from headstart.collector.faults import StartFault
from headstart.collector.own_metrics import SelfMetrics
from headstart.collector.transport.places import LARGEST_PORT, bind, taken
from headstart.collector.transport.tls import ConfigurationError, server_credentials
from headstart.words.foreign.addresses import (
    host_of,
    is_host_and_port,
    is_loopback,
    socket_path,
    unix_address,
)
from headstart.words.private_files import locked_file, private_folder

_PROBE_SECONDS = 1.0
_PING_TIMEOUT_MS = 60_000
CHOOSE_SOCKET = "choose another with --listen unix:PATH"

log = logging.getLogger(__name__)


def check_exposure(config: CollectorConfig) -> None:
    """Refuse addresses that strangers could use. Raises ConfigurationError."""
    for address in config.addresses:
        if socket_path(address) is None:
            _check_tcp(address, config)
    _check_enrolment(config)
    metrics = config.metrics_listen
    if metrics is None or is_loopback(metrics) or config.metrics_tls or config.metrics_open:
        return
    if config.metrics_have_secrets:
        log.warning(
            "--metrics-listen %s: secrets travel in the clear, without --metrics-tls or a proxy "
            "that encrypts",
            metrics,
        )
        return
    raise ConfigurationError(
        f"--metrics-listen {metrics} is reached from other machines, and whoever reaches it "
        "reads the names of hosts and experiments and every figure: use --metrics-tls, so that "
        "only clients with a certificate read it, --metrics-token-file or "
        "--metrics-basic-auth-file, or say --metrics-anyone-can-read"
    )


def _check_tcp(address: str, config: CollectorConfig) -> None:
    if not _is_port(address):
        # Abstract sockets have no folder that guards them.
        raise ConfigurationError(
            f"--listen {address}: expected host:port, or unix:PATH for a socket"
        )
    if config.plaintext and config.tls is None and not is_loopback(address):
        raise ConfigurationError(
            f"--listen {address} is reached from other machines, and whoever reaches it can "
            "have containers run on every agent: leave --plaintext-anyone-can-submit out, so that "
            "only certificates let in"
        )


def _check_enrolment(config: CollectorConfig) -> None:
    identity = config.identity
    for advertised in identity.advertise:
        host = host_of(advertised)
        rest = advertised.removeprefix(host)
        if not is_host_and_port(f"{host}:1") or not is_host_and_port(f"{host}{rest or ':1'}"):
            raise ConfigurationError(
                f"--advertise {advertised}: expected HOST or HOST:PORT, by which agents and "
                "people reach this collector"
            )
    if (address := identity.enroll_listen) is None:
        return
    if not _is_port(address):
        raise ConfigurationError(f"--enroll-listen {address}: expected host:port")
    if config.tls is not None:
        raise ConfigurationError(
            "--enroll-listen gives certificates of the collector's own authority, and the three "
            "--tls files name another: leave either out"
        )
    if not config.has_authority:
        raise ConfigurationError(
            f"--enroll-listen {address} gives certificates that open no port: add --listen "
            "HOST:PORT, without --plaintext-anyone-can-submit"
        )


def _is_port(address: str) -> bool:
    host, separator, port = address.rpartition(":")
    is_number = port.isdecimal() and int(port) <= LARGEST_PORT
    return bool(separator and host and is_number) and not address.startswith("unix-abstract:")


def server_options(config: CollectorConfig) -> list[tuple[str, int]]:
    """Settings that were measured to matter.

    Whoever shakes no hands is cut off after 5 s, whoever asks for nothing after
    `idle_seconds`. gRPC refuses connections beyond its limit, whoever they are, so the
    time for which a stranger can hold one is what lets an agent in. Of a thousand agents that
    come at once the last shake hands after more than 2 s: cut off, they would begin anew, and
    the collector's work with them.
    """
    limits, timing = config.limits, config.timing
    # gRPC's connections leave descriptors for the store and for HTTP.
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    options = [
        # Else a second collector silently shares the port.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", limits.message_bytes),
        ("grpc.max_concurrent_streams", 4),
        ("grpc.server_handshake_timeout_ms", 5_000),
        ("grpc.max_connection_idle_ms", int(timing.idle_seconds * 1000)),
        (
            "grpc.max_allowed_incoming_connections",
            # Five for each agent's one: at 5 s a stranger has to come 1,050 times a second to
            # hold all that a thousand agents leave.
            min(5 * limits.agents + 250, descriptors // 2),
        ),
        # The answer to a ping waits behind what an agent or a context sends, as long as a slow way
        # needs. Of an agent that is frozen `silence_seconds` tells.
        ("grpc.keepalive_time_ms", 20_000),
        ("grpc.keepalive_timeout_ms", _PING_TIMEOUT_MS),
        ("grpc.http2.ping_timeout_ms", _PING_TIMEOUT_MS),
        ("grpc.keepalive_permit_without_calls", 1),
        # Below an agent's interval, or its pings are taken for abuse.
        ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ]
    if config.port_tls is not None:
        # Open streams survive a rotation of certificates; grpc adds jitter of a tenth.
        options += [
            ("grpc.max_connection_age_ms", 3_600_000),
            ("grpc.max_connection_age_grace_ms", 30_000),
        ]
    return options


def listen(
    server: grpc.aio.Server, config: CollectorConfig, ending: ExitStack, metrics: SelfMetrics
) -> tuple[str, ...]:
    """Bind every address; the same as they can be dialled, ports that were free filled in.

    `ending` takes what is to be undone after the server was stopped. Raises StartFault.
    """
    bound = []
    for address in config.addresses:
        path = socket_path(address)
        if path is not None:
            bound.append(_listen_unix(server, path, ending))
            continue
        if (files := config.port_tls) is not None:
            port = bind_secure(server, address, partial(server_credentials, files, metrics))
        else:
            port = bind(address, server.add_insecure_port)
        bound.append(f"{address.rpartition(':')[0]}:{port}")
    return tuple(bound)


def bind_secure(
    server: grpc.aio.Server, address: str, credentials: Callable[[], grpc.ServerCredentials]
) -> int:
    """Bind "host:port" with TLS; the port. Raises StartFault.

    Credentials that follow files are good for one address: gRPC asks them for the first
    certificate once.
    """
    return bind(address, lambda each: server.add_secure_port(each, credentials()))


def _listen_unix(server: grpc.aio.Server, path: Path, ending: ExitStack) -> str:
    """gRPC removes whatever is at the path and binds: a living socket must not be lost to it."""
    try:
        address = unix_address(path)
    except ValueError as error:
        raise ConfigurationError(f"{error}: {CHOOSE_SOCKET}") from None
    try:
        folder_mode = _private_folder(path.parent)
        ending.enter_context(_Lock(path))
        refuse_living(path)
    except OSError as error:
        raise no_socket(path, error) from error
    try:
        server.add_insecure_port(address)
    except RuntimeError as error:
        raise StartFault(f"{path} cannot be listened on; {CHOOSE_SOCKET}") from error
    # A group that may enter the folder may connect. gRPC creates it by the umask.
    path.chmod(0o660 if folder_mode & stat.S_IXGRP else 0o600)
    return address


def _private_folder(folder: Path) -> int:
    """Make or check the folder that guards a socket; its mode."""
    if not folder.exists():
        private_folder(folder)
    status = folder.stat()
    mode = stat.S_IMODE(status.st_mode)
    if status.st_uid not in (0, os.geteuid()):
        raise ConfigurationError(
            f"{folder} belongs to user {status.st_uid}, who could replace a socket in it: "
            "use a folder of this user"
        )
    if mode & (stat.S_IRWXO | stat.S_IWGRP):
        raise ConfigurationError(
            f"{folder} has mode {mode:04o}: whoever may enter a socket's folder can submit. "
            f"Say chmod 0700 {folder}, or 0750 to let its group in"
        )
    return mode


def refuse_living(path: Path) -> None:
    """Raise when something listens at the path or it is no socket; a dead one is left."""
    if not path.exists():
        return
    if not path.is_socket():
        raise ConfigurationError(f"{path} exists and is not a socket")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_PROBE_SECONDS)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return
    raise _living(path)


def no_socket(path: Path, error: OSError) -> StartFault:
    """This user cannot have a socket there."""
    why = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    return StartFault(f"{path} cannot be listened on: {why}; {CHOOSE_SOCKET}")


def _living(path: Path) -> StartFault:
    return StartFault(f"{taken(str(path))} Stop it, or {CHOOSE_SOCKET}")


class _Lock:
    """Held while a collector lives: two that start at once would both find the socket dead."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(f"{path.name}.lock")

    def __enter__(self) -> None:
        try:
            self._file = locked_file(self._path)
        except BlockingIOError:
            raise _living(self._path.with_suffix("")) from None

    def __exit__(self, *_: object) -> None:
        os.close(self._file)
