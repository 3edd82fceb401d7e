"""Which collector a command speaks to, and how: the options, checked before anything is sent."""

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import grpc

from headstart.agent.uplink.collector_tls import ClientTls, channel_to
from headstart.cli.errors import InputError
from headstart.cli.given import Name
from headstart.cli.tls_options import certificate_option, key_option, pem_option
from headstart.words.foreign.addresses import (
    PROXY_VARIABLE,
    is_proxy,
    socket_path,
    unix_address,
)
from headstart.words.foreign.certificates import CertificateProblem

SOCKET_NAME = "collector.sock"


def home_state() -> Path:
    """XDG's folder for state. Raises InputError where this user has no home."""
    try:
        return Path.home() / ".local" / "state" / "headstart"
    except RuntimeError:
        raise InputError(
            "this user has no home folder: set HOME or XDG_RUNTIME_DIR, or say where with "
            "--collector, --listen or --state"
        ) from None


def default_address() -> str:
    """The socket of this user's collector: `headstart collector` and its clients agree on it.

    /run/headstart for root, as the systemd unit makes it; for others a folder that only
    they can enter, by the XDG base directory specification.
    """
    if os.geteuid() == 0:
        folder = Path("/run/headstart")
    elif runtime := os.environ.get("XDG_RUNTIME_DIR"):
        folder = Path(runtime) / "headstart"
    else:
        folder = home_state()
    try:
        return unix_address(folder / SOCKET_NAME)
    except ValueError as error:
        raise InputError(f"{error}: name a shorter one (--listen, --collector unix:PATH)") from None


@dataclass(frozen=True)
class Connection:
    """What --collector and the TLS options say; checked when it is used."""

    target: str
    plaintext: bool = False
    authority: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def reached(self) -> "Connection":
        """Itself; see `Reachable`."""
        return self

    def tls(self) -> ClientTls | None:
        """The files of TLS; None for a socket, or where plaintext was asked for.

        Raises InputError when the options do not go together, and when nobody would accept
        the certificate.
        """
        if self.authority is None:
            if self.certificate or self.key:
                raise InputError("--tls-certificate and --tls-key need --tls-authority")
            if socket_path(self.target) is None and not self.plaintext:
                raise InputError(
                    f"--collector {self.target} is TCP: give --tls-authority, --tls-certificate "
                    "and --tls-key, or say --plaintext to speak without encryption and without "
                    "knowing who answers"
                )
            return None
        if socket_path(self.target) is not None:
            raise InputError(f"--collector {self.target} is a socket: it needs no --tls-authority")
        if self.plaintext:
            raise InputError("--plaintext and --tls-authority exclude each other")
        if (self.certificate is None) != (self.key is None):
            raise InputError("--tls-certificate and --tls-key go together")
        tls = ClientTls(self.authority, self.certificate, self.key)
        try:
            tls.credentials()
        except CertificateProblem as problem:
            raise InputError(str(problem)) from problem
        return tls

    def channel(self) -> grpc.Channel:
        """A channel for calls; nothing is sent yet. Raises InputError as `tls`."""
        return channel_to(self.target, self.tls())

    def problem(self) -> str:
        """Why the collector cannot be reached, where it is about certificates; empty: not."""
        tls = self.tls()
        return tls.problem(self.target) if tls is not None else ""


def collector_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--collector and how it is reached; the command gets them as `collector`, a Connection."""

    @functools.wraps(command)
    def connected(*arguments: Any, collector: Connection | None, **options: Any) -> Any:
        return command(*arguments, collector=collector or Connection(default_address()), **options)

    return given_collector(connected)


def given_collector(command: Callable[..., Any]) -> Callable[..., Any]:
    """As `collector_options`; the command gets None when none of them is given."""

    @functools.wraps(command)
    def connected(
        *arguments: Any,
        target: str | None,
        plaintext: bool,
        tls_authority: Path | None,
        tls_certificate: Path | None,
        tls_key: Path | None,
        **options: Any,
    ) -> Any:
        proxy = os.environ.get(PROXY_VARIABLE, "")
        if proxy and not is_proxy(proxy):
            raise InputError(f"{PROXY_VARIABLE} is {proxy!r}; expected http://HOST:PORT")
        how = (plaintext, tls_authority, tls_certificate, tls_key)
        connection = None
        if target or any(how):
            connection = Connection(target or default_address(), *how)
        return command(*arguments, collector=connection, **options)

    for option in (
        key_option,
        certificate_option,
        pem_option(
            "--tls-authority",
            "Certificate of the authority that signed the collector's, PEM; turns TLS on.",
        ),
        click.option(
            "--plaintext",
            is_flag=True,
            help="Speak to a TCP address without encryption, whoever answers there.",
        ),
        click.option(
            "--collector",
            "target",
            type=Name(),
            metavar="unix:PATH|HOST:PORT",
            envvar="HEADSTART_COLLECTOR",
            help="Address of the collector. Default: the socket of this user's collector.",
        ),
    ):
        connected = option(connected)
    return connected
