"""Who may connect: transport credentials that rotate, and the name in a certificate."""

import logging
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import grpc

from headstart.collector.config import TlsFiles
from headstart.collector.faults import StartFault
from headstart.collector.own_metrics import SelfMetrics
from headstart.words.foreign.certificates import CertificateProblem, own_problem, validity
from headstart.words.private_files import KeyExposed, read_private_key

T = TypeVar("T")

log = logging.getLogger(__name__)


class ConfigurationError(StartFault):
    """What was configured cannot be, or must not."""


def server_credentials(files: TlsFiles, metrics: SelfMetrics) -> grpc.ServerCredentials:
    """gRPC's credentials, which follow the files. Raises ConfigurationError."""
    following = Following(files, _grpc_certificates, metrics)

    def before_handshake() -> grpc.ServerCertificateConfiguration | None:
        metrics.handshake()
        return following.changed()

    return grpc.dynamic_ssl_server_credentials(
        following(),
        before_handshake,  # type: ignore[arg-type]  # None is allowed, says grpc's documentation
        require_client_authentication=True,
    )


def open_credentials(files: TlsFiles, metrics: SelfMetrics) -> grpc.ServerCredentials:
    """The same for clients that have no certificate yet: none is asked for."""
    following = Following(files, _grpc_own, metrics)
    return grpc.dynamic_ssl_server_credentials(
        following(),
        following.changed,  # type: ignore[arg-type]  # as above
        require_client_authentication=False,
    )


def _grpc_own(files: TlsFiles) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(read_private_key(files.key), files.certificate.read_bytes())]
    )


def _grpc_certificates(files: TlsFiles) -> grpc.ServerCertificateConfiguration:
    pair = (read_private_key(files.key), files.certificate.read_bytes())
    return grpc.ssl_server_certificate_configuration([pair], files.client_authority.read_bytes())


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """The same for HTTP: only clients with a certificate are served."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(files.certificate, files.key)
    context.load_verify_locations(files.client_authority)
    return context


class Following(Generic[T]):
    """What is made of TLS files, made anew when they changed.

    Raises ConfigurationError at first; later what was made last stays, and the log says why.
    """

    def __init__(
        self, files: TlsFiles, make: Callable[[TlsFiles], T], metrics: SelfMetrics
    ) -> None:
        self._files = files
        self._metrics = metrics
        self._make = make
        self._stamp: list[tuple[int, int]] = []
        self._made = self._read()

    def __call__(self) -> T:
        """As of now."""
        self.changed()
        return self._made

    def changed(self) -> T | None:
        """As of now; None: as before."""
        try:
            if self._stamps() == self._stamp:
                return None
            self._made = self._read()
        except (ConfigurationError, OSError) as error:
            log.error("the certificate stays as it was: %s", error)
            self._metrics.certificate_failed()
            return None
        return self._made

    def _read(self) -> T:
        try:
            self._stamp = self._stamps()
            _check(self._files)
            dates = validity(self._files.certificate, self._files.key)
            made = self._make(self._files)
            self._metrics.certificate_ends(dates.ends)
            # It may yet be renewed.
            if problem := own_problem(self._files.certificate, self._files.key):
                log.error("no client will accept this collector: %s", problem)
            return made
        except OSError as error:
            raise ConfigurationError(f"{error.filename}: {error.strerror}") from error
        except (KeyExposed, CertificateProblem) as error:
            raise ConfigurationError(str(error)) from error

    def _stamps(self) -> list[tuple[int, int]]:
        return [
            _stamp(path)
            for path in (self._files.certificate, self._files.key, self._files.client_authority)
        ]


def _check(files: TlsFiles) -> None:
    read_private_key(files.key)
    for path in (files.key, files.certificate, files.client_authority):
        if b"-----BEGIN" not in path.read_bytes():
            raise ConfigurationError(f"{path} is not a PEM file")


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size
