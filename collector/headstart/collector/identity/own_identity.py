"""A collector's own identity: its authority, the certificate that it shows, its addresses.

The certificate is a file with its key, replaced as a whole; whoever listens reads it before
each handshake, so that a renewed one needs no restart.
"""

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from headstart.collector.config import CollectorConfig
from headstart.collector.faults import StartFault
from headstart.collector.identity.authority import Authority
from headstart.words.foreign.addresses import host_of, is_wildcard, socket_path
from headstart.words.log_fields import with_fields
from headstart.words.private_files import replace_private

log = logging.getLogger(__name__)

# A laptop sleeps, a clock is set: it is looked at by the clock, not once in half a life.
_LOOK_SECONDS = 60.0


class OwnIdentity:
    """Made with the folder's lock held. Raises StartFault when it cannot be."""

    def __init__(self, config: CollectorConfig, now: Callable[[], float] = time.time) -> None:
        self.authority = Authority(config.identity_folder, now)
        self._settings = config.identity
        self._file = config.own_tls.certificate
        self._now = now
        self._hosts = _hosts(config)
        # What it is dialled by, as `dialled` says; the ports are known when it listens.
        self._first = _first_host(config)
        self.port = 0
        self.enrolment_port = 0
        self.refresh()

    def refresh(self) -> bool:
        """A new certificate if half of the time of the one there is over; whether it was."""
        if self._is_fresh():
            return False
        pem = self.authority.issue_server(self._hosts, self._settings.server_seconds)
        try:
            replace_private(self._file, pem)
        except OSError as error:
            raise StartFault(f"{self._file}: {error.strerror}") from error
        fields = with_fields(
            names=" ".join(self._hosts), days=self._settings.server_seconds / 86400
        )
        log.info("the collector has a new certificate", extra=fields)
        return True

    async def keep_fresh(self) -> None:
        """Look after the certificate for ever."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                await asyncio.to_thread(self.refresh)
            except StartFault as fault:
                log.error("the collector's certificate is not renewed: %s", fault)

    def _is_fresh(self) -> bool:
        try:
            found = x509.load_pem_x509_certificate(self._file.read_bytes())
            names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            found.verify_directly_issued_by(self.authority.certificate)
        except (OSError, ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
            return False
        begins = found.not_valid_before_utc.timestamp()
        ends = found.not_valid_after_utc.timestamp()
        shown = {str(name.value) for name in names}
        return shown == set(self._hosts) and begins <= self._now() < renewal_time(begins, ends)

    def dialled(self) -> str:
        """Where those with a certificate reach the collector, "host:port"."""
        host, _, port = self._first.rpartition(":")
        return f"{host}:{port or self.port}"

    def enrolled_at(self) -> str:
        """Where a token is used, "host:port"; empty: nowhere."""
        host = self._first.rpartition(":")[0]
        return f"{host}:{self.enrolment_port}" if self.enrolment_port else ""


def renewal_time(begins: float, ends: float) -> float:
    """From when on a certificate is to be renewed: after half of its time."""
    return begins + (ends - begins) / 2


def _first_host(config: CollectorConfig) -> str:
    """ "host:port" of the first name, the port left out where it is that of `listen`."""
    for advertised in config.identity.advertise:
        host = host_of(advertised)
        port = advertised.removeprefix(host).removeprefix(":")
        return f"{host}:{port}"
    for address in config.addresses:
        if socket_path(address) is None and not is_wildcard(host_of(address)):
            return f"{host_of(address)}:"
    return f"{socket.gethostname()}:"


def _hosts(config: CollectorConfig) -> Sequence[str]:
    """The names that its certificate is for."""
    hosts = [host_of(each) for each in config.identity.advertise]
    if not hosts:
        hosts = [socket.gethostname()]
    listened = [each for each in config.addresses if socket_path(each) is None]
    if config.identity.enroll_listen:
        listened.append(config.identity.enroll_listen)
    for address in listened:
        host = host_of(address)
        hosts += ["localhost", "127.0.0.1", "::1"] if is_wildcard(host) else [host]
    return tuple(dict.fromkeys(host.strip("[]") for host in hosts))
