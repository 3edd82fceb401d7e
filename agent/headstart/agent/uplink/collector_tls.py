"""How an agent, or a command, shows who it is to a collector: three files, read anew each time."""

from dataclasses import dataclass
from pathlib import Path

import grpc

from headstart.words.certificates import CertificateProblem, collector_problem, own_problem
from headstart.words.private_files import KeyExposed, read_private_key


@dataclass(frozen=True)
class ClientTls:
    """PEM files; those of a certificate that was renewed are used at the next connection."""

    authority: Path
    certificate: Path | None = None
    key: Path | None = None

    def credentials(self) -> grpc.ChannelCredentials:
        """For a channel. Raises CertificateProblem when nobody would accept them."""
        try:
            authority = self.authority.read_bytes()
            if self.certificate is None or self.key is None:
                return grpc.ssl_channel_credentials(authority)
            key = read_private_key(self.key)
            if problem := own_problem(self.certificate, self.key):
                raise CertificateProblem(problem)
            return grpc.ssl_channel_credentials(authority, key, self.certificate.read_bytes())
        except OSError as error:
            raise CertificateProblem(f"{error.filename}: {error.strerror}") from error
        except KeyExposed as error:
            raise CertificateProblem(str(error)) from error

    def problem(self, address: str) -> str:
        """Why a collector cannot be reached, where it is about certificates; empty: it is not.

        Takes some seconds where nobody answers.
        """
        try:
            self.credentials()
        except CertificateProblem as problem:
            return str(problem)
        return collector_problem(address, self.authority, self.certificate, self.key)
