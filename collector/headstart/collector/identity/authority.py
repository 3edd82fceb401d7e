"""The collector's own authority: a key that signs certificates, in a folder of its own.

Its certificate is what a token pins and what both sides trust. All that is secret is one
file; whoever has it is the collector.
"""

import datetime
import ipaddress
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from headstart.collector.faults import StartFault
from headstart.collector.identity.shown import BEGINS_EARLIER_SECONDS
from headstart.words.private_files import (
    KeyExposed,
    private_folder,
    read_private_key,
    replace_private,
)
from headstart.words.roles import Identity, Role, identity_in

log = logging.getLogger(__name__)

_DAY = 86400.0
_AUTHORITY_SECONDS = 3650 * _DAY
# Clocks differ. Those of clients are told apart by what enrolment says of them.
_AUTHORITY_EARLIER_SECONDS = 2 * _DAY
_SERVER_EARLIER_SECONDS = _DAY
_WARNED_SECONDS = 365 * _DAY
_LONGEST_COMMON_NAME = 64

PublicKey = ec.EllipticCurvePublicKey


@dataclass(frozen=True)
class Issued:
    """A certificate of somebody; seconds since 1970."""

    serial: str
    identity: Identity
    issued_seconds: float
    expires_seconds: float
    pem: bytes


class Authority:
    """Made once in a folder, then read; the caller holds the folder's lock."""

    def __init__(self, folder: Path, now: Callable[[], float]) -> None:
        """Raises StartFault when the folder cannot be used or holds half of an authority."""
        self.now = now
        self.file = folder / "authority.pem"
        key_file = folder / "authority.key"
        try:
            private_folder(folder, marks=(key_file.name,))
            for unfinished in folder.glob(".*.*"):
                # By a collector that was killed while it wrote.
                unfinished.unlink()
            if self.file.exists() and not key_file.exists():
                raise StartFault(
                    f"{key_file} is missing, without which {self.file} can sign nothing: put it "
                    f"back from a backup, or move {folder} away for a new authority, of which "
                    "every agent and person has to get a certificate anew"
                )
            if not key_file.exists():
                replace_private(key_file, pem_of(ec.generate_private_key(ec.SECP256R1())))
            self._key = _private_key(key_file)
            if not self.file.exists():
                replace_private(self.file, _pem(self._of_itself()))
            self.certificate = x509.load_pem_x509_certificate(self.file.read_bytes())
        except OSError as error:
            raise StartFault(f"{error.filename or folder}: {error.strerror}") from error
        except KeyExposed as error:
            raise StartFault(str(error)) from error
        except ValueError as error:
            raise StartFault(f"{folder} holds no authority that can be read: {error}") from error
        if self.certificate.public_key() != self._key.public_key():
            raise StartFault(f"{key_file} is not the key of {self.file}")
        self._check_dates(folder, now())
        left = self.certificate.not_valid_after_utc.timestamp() - now()
        if left < _WARNED_SECONDS:
            log.warning("%s ends in %.0f days; see docs/ACCESS.md", self.file, left / _DAY)

    def _check_dates(self, folder: Path, now: float) -> None:
        begins, ends = self.certificate.not_valid_before_utc, self.certificate.not_valid_after_utc
        if begins.timestamp() <= now < ends.timestamp():
            return
        says = datetime.datetime.fromtimestamp(now, datetime.UTC)
        raise StartFault(
            f"{self.file} holds from {begins:%Y-%m-%d} to {ends:%Y-%m-%d}, and this machine's "
            f"clock says {says:%Y-%m-%d}: nobody would get in. Set the clock right; if it is, the "
            f"authority was made while it was wrong, or is over: move {folder} away for a new "
            "one, of which every agent and person has to get a certificate anew"
        )

    @property
    def pem(self) -> bytes:
        """The authority's certificate."""
        return _pem(self.certificate)

    @property
    def der(self) -> bytes:
        """The same, short."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def issue(self, key: PublicKey, identity: Identity, seconds: float) -> Issued:
        """A certificate for somebody who holds this key."""
        names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(str(identity))]
        if identity.role is Role.AGENT:
            names.append(x509.DNSName(identity.name))
        now = self.now()
        certificate = self._signed(
            key,
            identity.name,
            names,
            ExtendedKeyUsageOID.CLIENT_AUTH,
            (now - min(BEGINS_EARLIER_SECONDS, seconds / 10), now + seconds),
        )
        ends = certificate.not_valid_after_utc.timestamp()
        return Issued(f"{certificate.serial_number:x}", identity, now, ends, _pem(certificate))

    def gave(self, pem: bytes) -> tuple[Issued, PublicKey] | None:
        """What it gave to somebody, and the key of whoever holds it; None: it did not give it."""
        try:
            certificate = x509.load_pem_x509_certificate(pem)
            certificate.verify_directly_issued_by(self.certificate)
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
            identity = identity_in(names.value.get_values_for_type(x509.UniformResourceIdentifier))
            key = certificate.public_key()
        except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
            return None
        if identity is None or not isinstance(key, ec.EllipticCurvePublicKey):
            return None
        begins = certificate.not_valid_before_utc.timestamp()
        ends = certificate.not_valid_after_utc.timestamp()
        # As `issue` has it.
        now = begins + min(BEGINS_EARLIER_SECONDS, (ends - begins) / 11)
        serial = f"{certificate.serial_number:x}"
        return Issued(serial, identity, now, ends, _pem(certificate)), key

    def issue_server(self, hosts: Sequence[str], seconds: float) -> bytes:
        """A new key and a certificate for the collector itself, PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = self.now()
        certificate = self._signed(
            key.public_key(),
            hosts[0],
            [_host_name(host) for host in hosts],
            ExtendedKeyUsageOID.SERVER_AUTH,
            (now - _SERVER_EARLIER_SECONDS, now + seconds),
        )
        return pem_of(key) + _pem(certificate)

    def _signed(
        self,
        key: PublicKey,
        name: str,
        names: Iterable[x509.GeneralName],
        usage: x509.ObjectIdentifier,
        dates: tuple[float, float],
    ) -> x509.Certificate:
        begins, ends = dates
        ends = min(ends, self.certificate.not_valid_after_utc.timestamp())
        return (
            _builder(_called(name), self.certificate.subject, key, (begins, ends))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
            .sign(self._key, hashes.SHA256())
        )

    def _of_itself(self) -> x509.Certificate:
        key = self._key.public_key()
        identifier = x509.SubjectKeyIdentifier.from_public_key(key)
        # The authorities of two collectors are told apart by their names too.
        name = _called(f"headstart {identifier.digest.hex()[:12]}")
        now = self.now()
        dates = (now - _AUTHORITY_EARLIER_SECONDS, now + _AUTHORITY_SECONDS)
        return (
            _builder(name, name, key, dates)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .add_extension(identifier, critical=False)
            .sign(self._key, hashes.SHA256())
        )


def pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A private key, without a password."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _private_key(file: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(read_private_key(file), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{file} is no key on an elliptic curve")
    return key


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _called(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:_LONGEST_COMMON_NAME])])


def _host_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PublicKey, dates: tuple[float, float]
) -> x509.CertificateBuilder:
    begins, ends = (datetime.datetime.fromtimestamp(each, datetime.UTC) for each in dates)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )


def _usage(signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
