"""Who may connect: transport credentials that rotate, and the name in a certificate."""

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

import grpc

from headstart.collector.config import TlsFiles
from headstart.collector.refused import Refused
from headstart.collector.self_metrics import Refusal
from headstart.collector.start_fault import StartFault
from headstart.words.private_files import KeyExposed, read_private_key

log = logging.getLogger(__name__)

_NAMES = "x509_subject_alternative_name"


class ConfigurationError(StartFault):
    """What was configured cannot be, or must not."""


def server_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """Credentials that follow the files. Raises ConfigurationError when they cannot be read."""
    reader = _Reader(files)
    initial = reader.read()
    return grpc.dynamic_ssl_server_credentials(
        initial,
        reader.changed,  # type: ignore[arg-type]  # None is allowed, says grpc's documentation
        require_client_authentication=True,
    )


class _Reader:
    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._paths = [files.certificate, files.key, files.client_authority]
        self._stamp: list[tuple[int, int]] = []

    def read(self) -> grpc.ServerCertificateConfiguration:
        files = self._files
        try:
            self._stamp = self._stamps()
            pair = (read_private_key(files.key), files.certificate.read_bytes())
            authority = files.client_authority.read_bytes()
        except OSError as error:
            raise ConfigurationError(f"{error.filename}: {error.strerror}") from error
        except KeyExposed as error:
            raise ConfigurationError(str(error)) from error
        for path, text in ((files.key, pair[0]), (files.certificate, pair[1])):
            if b"-----BEGIN" not in text:
                raise ConfigurationError(f"{path} is not a PEM file")
        return grpc.ssl_server_certificate_configuration([pair], authority)

    def changed(self) -> grpc.ServerCertificateConfiguration | None:
        """Called by grpc before every handshake; None: as before."""
        try:
            return self.read() if self._stamps() != self._stamp else None
        except (ConfigurationError, OSError) as error:
            log.error("the certificate stays as it was: %s", error)
            return None

    def _stamps(self) -> list[tuple[int, int]]:
        return [_stamp(path) for path in self._paths]


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def check_host(auth_context: Mapping[str, Iterable[bytes]], host: str) -> None:
    """Refuse an agent whose certificate does not name the host that it claims to be."""
    names = [name.decode(errors="replace") for name in auth_context.get(_NAMES, ())]
    if host not in names:
        raise Refused(
            grpc.StatusCode.PERMISSION_DENIED,
            f"the agent calls itself '{host}', its certificate is for "
            f"{', '.join(names) or 'no host'}",
            Refusal.IDENTITY,
        )
