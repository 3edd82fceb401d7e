"""The identity that `headstart enroll` left in a folder: key, certificate, and whose they are.

One file holds the key, its certificate and the request for it, with the collector's address
above, and is replaced as a whole. The authority's certificate lies beside it, under a name
that says which one it is.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from headstart.agent.uplink.collector_tls import ClientTls
from headstart.words.foreign.addresses import is_host_and_port
from headstart.words.foreign.certificates import CertificateProblem, Validity, date_of, validity
from headstart.words.private_files import (
    locked_file,
    private_folder,
    read_private_key,
    replace_private,
)
from headstart.words.roles import Identity, Role, identity_in

FILE_NAME = "identity.pem"
# The folder of it in a state folder, and in this user's folder for configuration.
FOLDER_NAME = "identity"
_LARGEST_BYTES = 64 << 10
_HEAD = re.compile(r"^(collector|authority): (\S+)$", re.MULTILINE)
_BLOCK = re.compile(
    rb"-----BEGIN ([A-Z ]+)-----\n[A-Za-z0-9+/=\n]+-----END \1-----\n", re.MULTILINE
)


@dataclass(frozen=True)
class Enrolled:
    """What a folder holds; `holds` says until when."""

    folder: Path
    # "host:port".
    collector: str
    identity: Identity
    holds: Validity
    authority: Path

    @property
    def file(self) -> Path:
        """Key and certificate."""
        return self.folder / FILE_NAME

    @property
    def tls(self) -> ClientTls:
        """For channels to the collector."""
        return ClientTls(self.authority, self.file, self.file, self.remedy)

    @property
    def remedy(self) -> str:
        """What to do when the certificate is worth nothing."""
        name, role = self.identity.name, self.identity.role
        where = f" --state {self.folder.parent}" if role is Role.AGENT else ""
        return (
            f"have an operator make a token (headstart token create --role {role} --name {name}) "
            f"and say: headstart enroll TOKEN{where}"
        )

    @property
    def renewal_time(self) -> float:
        """Unix seconds from when on a new certificate is to be asked for."""
        return self.holds.begins + (self.holds.ends - self.holds.begins) / 2

    def request(self) -> bytes:
        """The certificate signing request, PEM."""
        return _blocks(self.file.read_bytes()).get(b"CERTIFICATE REQUEST", b"")

    def renewed(self, certificate: bytes, now: float | None = None) -> "Enrolled":
        """Keep a new certificate of the same key in the place of the one there.

        Raises CertificateProblem when it is none of this identity or does not hold by `now` (Unix
        seconds, None: none is asked for), OSError.
        """
        blocks = _blocks(read_private_key(self.file))
        return keep(
            self.folder,
            self.collector,
            self.authority.read_bytes(),
            blocks.get(b"PRIVATE KEY", b"") + blocks.get(b"CERTIFICATE REQUEST", b""),
            certificate,
            self.identity,
            now,
        )


def enrolled_in(folder: Path) -> Enrolled | None:
    """The identity in a folder; None: there is none. Raises CertificateProblem."""
    file = folder / FILE_NAME
    try:
        content = read_private_key(file)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CertificateProblem(f"{file}: {error.strerror}") from error
    head = dict(_HEAD.findall(content[:_LARGEST_BYTES].decode(errors="replace")))
    collector, authority = head.get("collector", ""), head.get("authority", "")
    if not is_host_and_port(collector) or "/" in authority or not authority:
        raise CertificateProblem(
            f"{file} is not what `headstart enroll` writes: enroll again, or move it away"
        )
    holds = validity(file, file)
    identity = identity_in(holds.names)
    if identity is None:
        raise CertificateProblem(f"{file} names nobody: enroll again, or move it away")
    return Enrolled(folder, collector, identity, holds, folder / authority)


def keep(
    folder: Path,
    collector: str,
    authority: bytes,
    key_and_request: bytes,
    certificate: bytes,
    expected: Identity,
    now: float | None = None,
) -> Enrolled:
    """Write an identity; what is there stays whole until all of it is on disk.

    Raises CertificateProblem when the certificate is not of the key or of somebody else, or
    begins after `now` (Unix seconds), OSError.
    """
    private_folder(folder, marks=(FILE_NAME,))
    name = f"authority-{hashlib.sha256(authority).hexdigest()[:16]}.pem"
    blocks = _blocks(key_and_request)
    head = f"# Written by headstart enroll.\ncollector: {collector}\nauthority: {name}\n"
    content = b"".join(
        (
            head.encode(),
            blocks.get(b"PRIVATE KEY", b""),
            _only_certificate(certificate),
            blocks.get(b"CERTIFICATE REQUEST", b""),
        )
    )
    with _alone(folder):
        new = folder / "new.pem"
        try:
            replace_private(new, content)
            holds = validity(new, new)
            found = identity_in(holds.names)
            if found != expected:
                raise CertificateProblem(
                    f"the collector gave a certificate for {found}, not {expected}"
                )
            if now is not None and now < holds.begins:
                # With the clock of the collector ahead: the one that is there serves until then.
                raise CertificateProblem(
                    "the collector gave a certificate that does not hold before "
                    f"{date_of(holds.begins)}: is its clock right, and this one?"
                )
            replace_private(folder / name, authority)
            replace_private(folder / FILE_NAME, content)
        finally:
            new.unlink(missing_ok=True)
        # What is of another collector, or was left by a process that was killed.
        for other in (*folder.glob("authority-*.pem"), *folder.glob(".*.pem.*")):
            if other.name != name:
                other.unlink(missing_ok=True)
    return Enrolled(folder, collector, expected, holds, folder / name)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Raises BlockingIOError while another process writes here."""
    lock = locked_file(folder / "lock")
    try:
        yield
    finally:
        os.close(lock)


def _only_certificate(pem: bytes) -> bytes:
    if len(pem) > _LARGEST_BYTES or len(_BLOCK.findall(pem)) != 1:
        raise CertificateProblem("the collector gave no certificate")
    return _blocks(pem).get(b"CERTIFICATE", b"")


def _blocks(content: bytes) -> dict[bytes, bytes]:
    """The PEM blocks of a file by their labels."""
    return {match[1]: match[0] for match in _BLOCK.finditer(content[:_LARGEST_BYTES])}
