"""What others hand to the authority: requests for a certificate, and certificates they show."""

import hashlib

import grpc
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from headstart.collector.identity.endings import NotGiven

# One with a key on P-256 takes 400 bytes.
LARGEST_REQUEST_BYTES = 4096


_NO_REQUEST = (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm, x509.InvalidVersion)


def _refused(message: str) -> NotGiven:
    return NotGiven(grpc.StatusCode.INVALID_ARGUMENT, message)


def requested_key(pem: bytes) -> ec.EllipticCurvePublicKey:
    """The key of a certificate signing request, whose sender holds it.

    All else that a request says is passed over. Raises NotGiven.
    """
    if len(pem) > LARGEST_REQUEST_BYTES:
        raise _refused(
            f"the certificate signing request has {len(pem)} bytes, at most "
            f"{LARGEST_REQUEST_BYTES} are taken"
        )
    try:
        request = x509.load_pem_x509_csr(pem)
        key = request.public_key()
        signed = request.is_signature_valid
    except _NO_REQUEST as error:
        raise _refused(f"no certificate signing request in PEM: {error}") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _refused("the certificate signing request has no key on the curve P-256")
    if not signed:
        raise _refused("the certificate signing request is not signed with its own key")
    return key


def key_hash(key: ec.EllipticCurvePublicKey) -> bytes:
    """What a public key is known by."""
    shown = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(shown).digest()


def serial_of(pem: bytes) -> str:
    """The serial of a certificate that a handshake let through, as the store has it."""
    return f"{x509.load_pem_x509_certificate(pem).serial_number:x}"
