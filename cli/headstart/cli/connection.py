"""Which collector a command speaks to, and how: the options, checked before anything is sent."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headstart.agent.uplink.collector_tls import ClientTls, channel_to
from headstart.agent.uplink.enrolled import FOLDER_NAME, Enrolled, enrolled_in
from headstart.cli.errors import InputError
from headstart.cli.given import Addresses, Folder
from headstart.cli.terminal import say
from headstart.cli.tls_options import certificate_option, key_option, pem_option
from headstart.words.foreign.addresses import (
    PROXY_VARIABLE,
    is_proxy,
    socket_path,
    unix_address,
)
from headstart.words.foreign.certificates import CertificateProblem
from headstart.words.private_files import KeyExposed

if TYPE_CHECKING:
    import grpc

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
    # Where the certificate is one of `headstart enroll`; the files are its own then.
    enrolled: Enrolled | None = None
    # Further collectors of the same store, one of which may be the active one.
    others: tuple[str, ...] = ()
    # Those that were asked whether they are, each with what it said instead of an answer.
    silent: tuple[tuple[str, str], ...] = ()

    @property
    def targets(self) -> tuple[str, ...]:
        """Every address, in the order given."""
        return (self.target, *self.others)

    def reached(self) -> Connection:
        """Itself, at the active one of several collectors, its certificate renewed where that
        is due; see `Reachable`.
        """
        found = self
        if self.others:
            # Late: one address needs no asking.
            from headstart.cli.active_collector import active_of

            found = active_of(self)
        return renewed_when_due(found) if found.enrolled is not None else found

    @property
    def is_bare_port(self) -> bool:
        """Whether it names TCP addresses alone, and nothing says how to come there."""
        how = (self.plaintext, self.authority, self.certificate, self.key)
        return all(socket_path(each) is None for each in self.targets) and not any(how)

    def tls(self) -> ClientTls | None:
        """The files of TLS; None for a socket, or where plaintext was asked for.

        Raises InputError when the options do not go together, and when nobody would accept
        the certificate.
        """
        if self.authority is None:
            if self.certificate or self.key:
                raise InputError("--tls-certificate and --tls-key need --tls-authority")
            if (port := self._first(is_socket=False)) and not self.plaintext:
                raise InputError(
                    f"--collector {port} is TCP: enroll first (headstart enroll), or give "
                    "--tls-authority, --tls-certificate and --tls-key, or say --plaintext to speak "
                    "without encryption and without knowing who answers"
                )
            return None
        if path := self._first(is_socket=True):
            raise InputError(f"--collector {path} is a socket: it needs no --tls-authority")
        if self.plaintext:
            raise InputError("--plaintext and --tls-authority exclude each other")
        if (self.certificate is None) != (self.key is None):
            raise InputError("--tls-certificate and --tls-key go together")
        tls = ClientTls(self.authority, self.certificate, self.key, self._remedy)
        try:
            tls.credentials()
        except CertificateProblem as problem:
            raise InputError(str(problem)) from problem
        return tls

    def _first(self, *, is_socket: bool) -> str:
        kind = (each for each in self.targets if (socket_path(each) is not None) is is_socket)
        return next(kind, "")

    @property
    def _remedy(self) -> str:
        return self.enrolled.remedy if self.enrolled is not None else ""

    def channel(self) -> grpc.Channel:
        """A channel for calls; nothing is sent yet. Raises InputError as `tls`.

        Whoever falls silent is known to be gone within 66 s, or six minutes where there is one.
        """
        # Late: a help makes no calls.
        from headstart.agent.uplink import collector_addresses

        options = collector_addresses.Addresses(self.targets).bulk_options
        return channel_to(self.target, self.tls(), options)

    def problem(self) -> str:
        """Why the collector cannot be reached, where it is about certificates; empty: not."""
        tls = self.tls()
        return tls.problem(self.target) if tls is not None else ""


def enrolled_connection(folder: Path, targets: Sequence[str] = ()) -> Connection | None:
    """By the identity in a folder, to its collector or other addresses; None: there is none.

    Raises InputError when what is there cannot be used.
    """
    try:
        enrolled = enrolled_in(folder)
    except (CertificateProblem, KeyExposed) as problem:
        raise InputError(str(problem)) from problem
    if enrolled is None:
        return None
    tls = enrolled.tls
    target, *others = targets or (enrolled.collector,)
    return Connection(
        target, False, tls.authority, tls.certificate, tls.key, enrolled, tuple(others)
    )


def renewed_when_due(connection: Connection) -> Connection:
    """A command of a person renews the certificate that it uses, after half of its time."""
    enrolled = connection.enrolled
    now = _now()
    if enrolled is None or not enrolled.renewal_time <= now < enrolled.holds.ends:
        return connection
    # Late: two calls in a week.
    from headstart.agent.uplink.renewal import NotRenewed, renew

    try:
        found = renew(enrolled, connection.target)
    except NotRenewed as problem:
        left = (enrolled.holds.ends - now) / 3600
        say(f"headstart: the certificate ends in {left:.0f} h, not renewed: {problem}", err=True)
        return connection
    return replace(connection, enrolled=found)


def _now() -> float:
    return time.time()


def own_identity_folder() -> Path:
    """Where `headstart enroll` keeps a person's identity: XDG's folder for configuration."""
    if configured := os.environ.get("XDG_CONFIG_HOME"):
        return Path(configured) / "headstart" / FOLDER_NAME
    try:
        return Path.home() / ".config" / "headstart" / FOLDER_NAME
    except RuntimeError:
        raise InputError("this user has no home folder: set HOME, or say --identity") from None


def own_connection(folder: Path | None = None, targets: Sequence[str] = ()) -> Connection | None:
    """By this user's identity, or that in a folder that was given; None: there is none."""
    if folder is not None:
        # As `headstart enroll --state` was told, or the folder in it.
        for each in (folder / FOLDER_NAME, folder):
            if (found := enrolled_connection(each, targets)) is not None:
                return found
        raise InputError(
            f"--identity {folder}: no identity is there; expected a folder of `headstart enroll "
            "--state`"
        )
    try:
        own = own_identity_folder()
    except InputError:
        return None
    return enrolled_connection(own, targets)


def collector_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--collector and how it is reached; the command gets them as `collector`, a Connection."""

    @functools.wraps(command)
    def connected(*arguments: Any, collector: Connection | None, **options: Any) -> Any:
        if collector is None:
            collector = own_connection() or Connection(default_address())
        return command(*arguments, collector=as_person(collector), **options)

    return given_collector(connected)


def as_person(given: Connection) -> Connection:
    """With this user's identity, where a port is named and nothing says how to come there."""
    return own_connection(None, given.targets) or given if given.is_bare_port else given


def given_collector(command: Callable[..., Any]) -> Callable[..., Any]:
    """As `collector_options`; the command gets None when none of them is given, and looks for an
    identity by itself.
    """

    @functools.wraps(command)
    def connected(
        *arguments: Any,
        targets: tuple[str, ...],
        plaintext: bool,
        tls_authority: Path | None,
        tls_certificate: Path | None,
        tls_key: Path | None,
        identity: Path | None,
        **options: Any,
    ) -> Any:
        proxy = os.environ.get(PROXY_VARIABLE, "")
        if proxy and not is_proxy(proxy):
            raise InputError(f"{PROXY_VARIABLE} is {proxy!r}; expected http://HOST:PORT")
        how = (plaintext, tls_authority, tls_certificate, tls_key)
        connection = None
        if identity is not None and any(how):
            raise InputError("--identity says what --plaintext and the --tls files say otherwise")
        if identity is not None:
            connection = own_connection(identity, targets)
        elif targets or any(how):
            first, *others = targets or (default_address(),)
            connection = Connection(first, *how, others=tuple(others))
        return command(*arguments, collector=connection, **options)

    for option in (
        click.option(
            "--identity",
            type=Folder(),
            metavar="DIR",
            envvar="HEADSTART_IDENTITY",
            help="Where `headstart enroll --state DIR` put key and certificate. Default: this "
            "user's, if enrolled.",
        ),
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
            "targets",
            type=Addresses(),
            multiple=True,
            metavar="unix:PATH|HOST:PORT",
            envvar="HEADSTART_COLLECTOR",
            help="Address of the collector; may be repeated where another stands by, and the "
            "active one is found (docs/STANDBY.md). Default: the socket of this user's collector.",
        ),
    ):
        connected = option(connected)
    return connected
