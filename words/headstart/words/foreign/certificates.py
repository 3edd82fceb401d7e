"""What is wrong with a certificate, in words: gRPC says "unavailable" to all of it.

One's own is looked at first, in a handshake with oneself in memory: OpenSSL then tells
what it would tell a peer, and no parser of certificates is needed. Then a handshake with
the collector, apart from gRPC's, tells what either side has against the other.
"""

import errno
import socket
import ssl
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.words.foreign.addresses import without_scheme
from headstart.words.foreign.resolved import Resolved, resolve

# X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which Python does not name: the dates of a
# certificate that has expired are wanted too.
_NO_CHECK_TIME = 0x200000
# X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH.
_NAME_MISMATCHES = (62, 64)
_CONNECT_SECONDS = 3.0
# How long a refusal may take to arrive behind a handshake that this side has finished.
_REFUSAL_SECONDS = 1.0
_HUNG_UP = (
    "the other end closed the connection before the TLS handshake; behind a balancer: perhaps no "
    "collector is active now"
)


class _HungUp(Exception):
    """The other end is no collector, or cannot hand the connection on to one."""


class CertificateProblem(Exception):
    """A certificate or key is not what it should be; the message says which and how."""


@dataclass(frozen=True)
class Validity:
    """When a certificate holds, in seconds since 1970, and for whom."""

    begins: float
    ends: float
    # Its subject alternative names, without their kinds.
    names: tuple[str, ...] = ()


def validity(certificate: Path, key: Path) -> Validity:
    """The dates and names of a certificate. Raises CertificateProblem or OSError.

    What it is for is left to those it is shown to; here it is trusted as it is.
    """
    certificate.read_bytes(), key.read_bytes()  # OSError here names the file
    own, reader = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        own.load_cert_chain(certificate, key, password=_no_password)
        reader.load_verify_locations(certificate)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise CertificateProblem(f"{key} is not the key of {certificate}") from None
        raise CertificateProblem(
            f"{certificate} and {key} are not a certificate and its key in PEM: {error.reason}"
        ) from None
    try:
        try:
            shown = _shown_by_server(own, reader)
        except ssl.SSLCertVerificationError:
            # Perhaps since it is for clients alone.
            shown = _shown_by_client(own, certificate, key)
    except ssl.SSLError as error:
        raise CertificateProblem(f"{certificate}: {error.reason or error}") from None
    return Validity(
        ssl.cert_time_to_seconds(shown["notBefore"]),
        ssl.cert_time_to_seconds(shown["notAfter"]),
        tuple(name for _, name in shown.get("subjectAltName", ())),
    )


def _no_password() -> str:
    raise ssl.SSLError("a key with a password is not supported")


def _shown_by_server(server: ssl.SSLContext, client: ssl.SSLContext) -> dict[str, Any]:
    """The certificate that a server's context shows, as its client reads it."""
    client.check_hostname = False
    _trust_as_it_is(client)
    return _handshake(server, client)[1].getpeercert() or {}


def _shown_by_client(server: ssl.SSLContext, certificate: Path, key: Path) -> dict[str, Any]:
    """The certificate that a client shows, as the server reads it."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    client.load_cert_chain(certificate, key, password=_no_password)
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(certificate)
    _trust_as_it_is(server)
    return _handshake(server, client)[0].getpeercert() or {}


def _trust_as_it_is(reader: ssl.SSLContext) -> None:
    reader.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VerifyFlags(_NO_CHECK_TIME)


def _handshake(
    server: ssl.SSLContext, client: ssl.SSLContext
) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Both ends after a handshake in memory."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    serving = server.wrap_bio(to_server, to_client, server_side=True)
    asking = client.wrap_bio(to_client, to_server)
    for side in (asking, serving, asking, serving):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return serving, asking


def own_problem(certificate: Path, key: Path, now: float | None = None) -> str:
    """Why nobody would accept one's own certificate; empty: the dates and the key are right."""
    try:
        found = validity(certificate, key)
    except CertificateProblem as problem:
        return str(problem)
    now = time.time() if now is None else now
    if now > found.ends:
        return f"{certificate} expired on {date_of(found.ends)}"
    if now < found.begins:
        return f"{certificate} is not valid before {date_of(found.begins)}: is the clock right?"
    return ""


def date_of(seconds: float) -> str:
    """Unix seconds, as messages about certificates have them."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))


def collector_problem(
    address: str, authority: Path, certificate: Path | None = None, key: Path | None = None
) -> str:
    """What a TLS handshake with "host:port" fails of; empty: of nothing that certificates do.

    Each address of the host is asked, as gRPC dials each: one that refuses the connection says
    nothing of what another one has against a certificate. Takes some seconds where nobody answers.
    """
    host, _, port = without_scheme(address).rpartition(":")
    host = host.strip("[]")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["h2"])
    try:
        context.load_verify_locations(authority)
        if certificate is not None:
            context.load_cert_chain(certificate, key, password=_no_password)
        places = resolve(host, int(port))
    except ssl.SSLError as error:
        return _about_ours(error.reason or "", certificate)
    except (OSError, ValueError, OverflowError):
        return ""
    problems: dict[str, list[str]] = {}
    deadline = time.monotonic() + _CONNECT_SECONDS
    for each in places:
        seconds = deadline - time.monotonic()
        if seconds <= 0:
            break
        try:
            _shake_hands(each, seconds, context, host)
            return ""
        except _HungUp:
            problem = _HUNG_UP
        except ssl.SSLCertVerificationError as error:
            problem = _about_theirs(error, host, authority)
        except ssl.SSLError as error:
            problem = _about_ours(error.reason or "", certificate)
        except ConnectionResetError:
            problem = _about_ours("", certificate)
        except OSError:
            continue
        problems.setdefault(problem, []).append(str(each))
    return _together(problems)


def _shake_hands(each: Resolved, seconds: float, context: ssl.SSLContext, host: str) -> None:
    """Raises what OpenSSL tells, ConnectionResetError when the other side just hangs up, _HungUp
    where it does that at once.
    """
    with ExitStack() as closed:
        connection = closed.enter_context(socket.socket(each.family, socket.SOCK_STREAM))
        connection.settimeout(seconds)
        try:
            connection.connect(each.place)
            # Certificates know no interfaces of this machine; gRPC leaves them out as well.
            name = host.partition("%")[0]
            secured = context.wrap_socket(
                connection, server_hostname=name, do_handshake_on_connect=False
            )
            closed.enter_context(secured)
            secured.do_handshake()
        except (ssl.SSLEOFError, ConnectionResetError, BrokenPipeError):
            # Whoever refuses a certificate says so, or does so later.
            raise _HungUp from None
        except OSError as error:
            if error.errno == errno.ENOTCONN:
                raise _HungUp from None
            raise
        secured.settimeout(_REFUSAL_SECONDS)
        # A gRPC server speaks first; one that refuses a certificate just hangs up.
        if not secured.recv(1):
            raise ConnectionResetError


def _together(problems: dict[str, list[str]]) -> str:
    """Who says what, where two addresses of a name answer differently."""
    if len(problems) < 2:
        return "".join(problems)
    return "; ".join(f"at {', '.join(where)} {what}" for what, where in problems.items())


def _about_theirs(error: ssl.SSLCertVerificationError, host: str, authority: Path) -> str:
    said = (error.verify_message or "").rstrip(".")
    # By OpenSSL's X509_V_ERR_*: no issuer, self-signed, self-signed in chain, leaf unverified.
    if error.verify_code in (2, 18, 19, 20, 21):
        return f"the collector's certificate is not of the authority {authority} ({said})"
    if error.verify_code in _NAME_MISMATCHES:
        return f"the collector's certificate is not for '{host}': dial it by a name that it has"
    return f"the collector's certificate is not accepted: {said}"


def _about_ours(reason: str, certificate: Path | None) -> str:
    """By the alert that the collector sends, as OpenSSL calls it; empty: it sent none."""
    if reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
        return "the collector speaks no TLS on this port"
    if certificate is None or "CERTIFICATE_REQUIRED" in reason:
        return "the collector asks for a certificate: give --tls-certificate and --tls-key"
    if "UNKNOWN_CA" in reason:
        return f"the collector does not know the authority of {certificate}"
    if "EXPIRED" in reason:
        return f"the collector takes {certificate} for expired"
    if "CERTIFICATE" in reason:
        return f"the collector does not accept {certificate} ({reason})"
    if reason:
        return f"no TLS handshake with the collector: {reason}"
    return (
        f"the collector does not accept {certificate}: its --tls-client-authority is another, "
        "or the certificate is not one for clients"
    )


def pinned_problem(address: str, authority: str, now: float | None = None) -> str:
    """Why whoever answers at "host:port" is not taken for a collector of one authority (PEM).

    Dates are not held against the collector but against this host's clock. Empty: no reason
    is found. Takes some seconds where nobody answers.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=authority)
    context.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME)
    try:
        with (
            socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS) as connection,
            context.wrap_socket(connection, server_hostname=host) as secured,
        ):
            shown: dict[str, Any] = secured.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        if error.verify_code in _NAME_MISMATCHES:
            return (
                f"the collector's certificate is not for '{host}': start it with --advertise "
                f"{host}, and have a token made"
            )
        return (
            "another collector answers there than the one that made the token, or somebody in "
            "its place: nothing was sent to it; have the collector that answers make a token"
        )
    except ssl.SSLEOFError:
        return _HUNG_UP
    except ssl.SSLError:
        return "what answers there speaks no TLS: it is no collector's port for enrolment"
    except TimeoutError:
        return "nobody answers: is the port open, and the collector started with --enroll-listen?"
    except OSError as error:
        return (
            f"{error.strerror or error}: is the collector up, with --enroll-listen, and is this "
            "its address?"
        )
    begins, ends = (ssl.cert_time_to_seconds(shown[key]) for key in ("notBefore", "notAfter"))
    now = time.time() if now is None else now
    if begins <= now <= ends:
        return ""
    return (
        f"this host's clock is {'behind' if now < begins else 'ahead'}: it says {date_of(now)}, "
        f"and the collector's certificate holds from {date_of(begins)} to {date_of(ends)}; set "
        "the clock right (timedatectl set-ntp true)"
    )
