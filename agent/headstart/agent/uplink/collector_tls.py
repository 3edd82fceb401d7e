"""The way to a collector, for agents and commands: a channel, and who is at its other end.

Own certificate, key and authority are three files, read anew each time. gRPC is loaded with the
first channel: the options of a command are checked without it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headstart.words.foreign.addresses import PROXY_VARIABLE, channel_options
from headstart.words.foreign.certificates import CertificateProblem, collector_problem, own_problem
from headstart.words.private_files import KeyExposed, read_private_key

if TYPE_CHECKING:
    import grpc
    import grpc.aio

Options = Sequence[tuple[str, int | str]]


@dataclass(frozen=True)
class ClientTls:
    """PEM files; those of a certificate that was renewed are used at the next connection."""

    authority: Path
    certificate: Path | None = None
    key: Path | None = None
    # What to do where nobody would accept them; empty: nothing in particular.
    remedy: str = ""

    def credentials(self) -> grpc.ChannelCredentials:
        """For a channel. Raises CertificateProblem when nobody would accept them."""
        import grpc

        try:
            authority = self.authority.read_bytes()
            if self.certificate is None or self.key is None:
                return grpc.ssl_channel_credentials(authority)
            key = read_private_key(self.key)
            if problem := own_problem(self.certificate, self.key):
                raise CertificateProblem(f"{problem}; {self.remedy}" if self.remedy else problem)
            return grpc.ssl_channel_credentials(authority, key, self.certificate.read_bytes())
        except OSError as error:
            raise CertificateProblem(f"{error.filename}: {error.strerror}") from error
        except KeyExposed as error:
            raise CertificateProblem(str(error)) from error

    def stamp(self) -> tuple[int, int] | None:
        """What tells that the own certificate was replaced; None: there is none to be read."""
        try:
            status = self.certificate.stat() if self.certificate is not None else None
        except OSError:
            status = None
        return (status.st_mtime_ns, status.st_size) if status is not None else None

    def problem(self, address: str) -> str:
        """Why a collector cannot be reached, where it is about certificates; empty: it is not.

        Takes some seconds where nobody answers.
        """
        try:
            self.credentials()
        except CertificateProblem as problem:
            return str(problem)
        return collector_problem(address, self.authority, self.certificate, self.key)


def channel_to(target: str, tls: ClientTls | None, options: Options = ()) -> grpc.Channel:
    """A channel for calls; nothing is sent yet. Without `tls` a socket, or plaintext.

    Raises CertificateProblem when nobody would accept the certificate.
    """
    import grpc

    options = [*options, *_options(target)]
    if tls is None:
        return grpc.insecure_channel(target, options)
    return grpc.secure_channel(target, tls.credentials(), options)


def aio_channel_to(target: str, tls: ClientTls | None, options: Options) -> grpc.aio.Channel:
    """As `channel_to`, in the running loop."""
    import grpc.aio

    options = [*options, *_options(target)]
    if tls is None:
        return grpc.aio.insecure_channel(target, options=options)
    return grpc.aio.secure_channel(target, tls.credentials(), options=options)


def _options(target: str) -> Options:
    return channel_options(target, os.environ.get(PROXY_VARIABLE, ""))
