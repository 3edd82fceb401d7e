"""The call that trades a token for a certificate, and what may go wrong with it."""

import os
import ssl
import time
from typing import cast

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from headstart.agent.uplink.collector_bounds import words_of
from headstart.cli.errors import CommandError, InputError
from headstart.v1.identity_pb2 import EnrollRequest, IssuedCertificate
from headstart.v1.identity_pb2_grpc import EnrolmentServiceStub
from headstart.words.enrolment_token import EnrolmentToken
from headstart.words.foreign.addresses import (
    PROXY_VARIABLE,
    channel_options,
    is_host_and_port,
    is_proxy,
)
from headstart.words.foreign.certificates import pinned_problem
from headstart.words.roles import Identity

_CALL_SECONDS = 30.0
_LARGEST_ANSWER_BYTES = 64 << 10

# The token, the name or the clock is at fault: another command is needed.
_INPUT_CODES = (
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.ALREADY_EXISTS,
)


def new_key() -> bytes:
    """A private key and a request for its certificate, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ) + request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def ask(token: EnrolmentToken, key: bytes, identity: Identity) -> tuple[IssuedCertificate, str]:
    """A certificate for a key of `new_key`, and the collector's address with it.

    The handshake accepts none but the collector that the token is of. Raises CommandError
    and InputError.
    """
    authority = ssl.DER_cert_to_PEM_cert(token.authority)
    proxy = os.environ.get(PROXY_VARIABLE, "")
    if proxy and not is_proxy(proxy):
        raise InputError(f"{PROXY_VARIABLE} is {proxy!r}; expected http://HOST:PORT")
    options = [
        *channel_options(token.address, proxy),
        ("grpc.max_receive_message_length", _LARGEST_ANSWER_BYTES),
    ]
    request = EnrollRequest(
        token_id=token.token_id,
        secret=token.secret,
        certificate_signing_request_pem=key[key.index(b"-----BEGIN CERTIFICATE REQUEST") :],
        name=identity.name,
        clock_time_seconds=time.time(),
    )
    credentials = grpc.ssl_channel_credentials(authority.encode())
    with grpc.secure_channel(token.address, credentials, options) as channel:
        try:
            answer = EnrolmentServiceStub(channel).Enroll(request, timeout=_CALL_SECONDS)
        except grpc.RpcError as error:
            raise _explained(cast("grpc.Call", error), token, authority) from error
    if (answer.role, answer.name) != (identity.role, identity.name):
        raise CommandError(
            f"the collector calls this {answer.role} '{answer.name}' instead of {identity.role} "
            f"'{identity.name}'"
        )
    if answer.issued.authority_pem.strip() != authority.encode().strip():
        raise CommandError("the collector answers with another authority than the token's")
    if not is_host_and_port(answer.collector):
        raise CommandError(f"the collector says that it is at {answer.collector!r}")
    return answer.issued, answer.collector


def _explained(call: grpc.Call, token: EnrolmentToken, authority: str) -> CommandError:
    details = words_of(call.details() or "")
    if call.code() in _INPUT_CODES:
        return InputError(details)
    if call.code() == grpc.StatusCode.UNAVAILABLE:
        why = pinned_problem(token.address, authority) or details
        return CommandError(f"not enrolled at {token.address}: {why}")
    if call.code() == grpc.StatusCode.UNIMPLEMENTED:
        return CommandError(
            f"{token.address} is no port for enrolment: the collector's --enroll-listen says which "
            "is; the token's --address may name it"
        )
    return CommandError(details or call.code().name)
