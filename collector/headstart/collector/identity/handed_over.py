"""Certificates that the authority gives: as the store keeps them, and as they are handed over."""

from headstart.collector.identity.authority import Issued, PublicKey
from headstart.collector.identity.own_identity import renewal_time
from headstart.collector.identity.presented import key_hash
from headstart.collector.store.issued import Certificate
from headstart.v1.identity_pb2 import IssuedCertificate


def row_of(
    made: Issued, key: PublicKey, *, token_id: str = "", renewed_from: str = ""
) -> Certificate:
    """What is kept of one: given for a token, or to whoever showed another."""
    return Certificate(
        serial=made.serial,
        role=made.identity.role,
        name=made.identity.name,
        issued_seconds=made.issued_seconds,
        expires_seconds=made.expires_seconds,
        key_hash=key_hash(key),
        certificate=made.pem,
        token_id=token_id,
        renewed_from=renewed_from,
    )


def issued_message(given: Certificate, authority_pem: bytes) -> IssuedCertificate:
    """What whoever asked is told of a certificate."""
    return IssuedCertificate(
        certificate_pem=given.certificate,
        authority_pem=authority_pem,
        expires_time_seconds=given.expires_seconds,
        renew_time_seconds=renewal_time(given.issued_seconds, given.expires_seconds),
    )
