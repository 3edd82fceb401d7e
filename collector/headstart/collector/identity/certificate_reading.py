"""Certificates that OpenSSL let through, read for who shows them."""

import logging
from collections.abc import Sequence
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtensionOID, NameOID

from headstart.collector.identity.shown import Shown
from headstart.words.roles import identity_in

log = logging.getLogger(__name__)

_MOST_NAMES = 32
_LONGEST_NAME = 253


def read_certificate(pem: bytes, own_authorities: Sequence[bytes]) -> Shown | None:
    """What it says of whoever shows it.

    None: OpenSSL took what cannot be read here, so nobody is known by it.
    """
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        names = tuple(_names(certificate))
        serial = f"{certificate.serial_number:x}"
        begins = certificate.not_valid_before_utc.timestamp()
        expires = certificate.not_valid_after_utc.timestamp()
    except Exception as error:
        # Such as two extensions of one kind, which OpenSSL lets through.
        log.warning("a certificate that cannot be read is nobody's: %s", error)
        return None
    own = any(_issued(certificate, authority) for authority in own_authorities)
    if own:
        uris = _alternative(certificate, x509.UniformResourceIdentifier)
        identity = identity_in(uris)
        # A certificate of the own authority that says nobody is the collector's, or broken.
        return Shown(serial, names, begins, expires, identity) if identity is not None else None
    return Shown(serial, names, begins, expires, None)


def _issued(certificate: x509.Certificate, authority: bytes) -> bool:
    try:
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority))
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _names(certificate: x509.Certificate) -> list[str]:
    """Alternative names, or else the common name; each bounded, and not many."""
    kinds = (x509.DNSName, x509.RFC822Name, x509.UniformResourceIdentifier, x509.IPAddress)
    names = [str(name) for kind in kinds for name in _alternative(certificate, kind)]
    if not names:
        common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        names = [str(attribute.value) for attribute in common]
    return [name for name in names if 0 < len(name) <= _LONGEST_NAME][:_MOST_NAMES]


def _alternative(certificate: x509.Certificate, kind: Any) -> list[Any]:
    try:
        extension = certificate.extensions.get_extension_for_oid(
            ExtensionOID.SUBJECT_ALTERNATIVE_NAME
        )
    except x509.ExtensionNotFound:
        return []
    value = extension.value
    return (
        list(value.get_values_for_type(kind))
        if isinstance(value, x509.SubjectAlternativeName)
        else []
    )
