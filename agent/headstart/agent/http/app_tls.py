"""TLS of those that ask a measured app: the prober, the checks and the builtin generator.

Cheap to import: the prober's and the generator's processes load it, and nothing
of protobuf comes with it.
"""

import socket
import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headstart.v1.experiment_pb2 import HttpRequest

_RECORD_BYTES = 1 << 16
# A peer may send records without content for ever: after so many readings of the socket
# the caller is to look at the time.
_READINGS = 16


def client_context(verified: bool) -> ssl.SSLContext:
    """For HTTP/1.1. Not `verified`: any certificate will do, as a test's own must.

    `verified` trusts what the host trusts, SSL_CERT_FILE and SSL_CERT_DIR included.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["http/1.1"])
    if verified:
        context.load_default_certs()
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def server_name(request: "HttpRequest", address: str) -> str:
    """Whom the certificate has to name: the Host of the request, or else the address."""
    stated = (header.value for header in request.headers if header.name.lower() == "host")
    host = next(stated, "") or address
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host if host.count(":") > 1 else host.partition(":")[0]


class TlsSocket:
    """A connected socket as a spinning reader needs it, speaking TLS.

    What is sent before the handshake is over leaves right after it. Raises
    OSError, ssl.SSLError among them, as a socket does.
    """

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, name: str) -> None:
        self._socket = sock
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        # None: the handshake is over.
        self._waiting: bytes | None = b""

    def sendall(self, data: bytes) -> None:
        """Send, now or as soon as the handshake is over."""
        if self._waiting is None:
            self._tls.write(data)
            self._flush()
        else:
            self._waiting += data
            self._shake_hands()

    def recv_into(self, view: memoryview, nbytes: int = 0, flags: int = 0) -> int:
        """Like that of a socket: 0 at the end, BlockingIOError when nothing is there yet."""
        for _ in range(_READINGS):
            if self._waiting is None:
                try:
                    # Given a buffer it returns a length, though typeshed says bytes.
                    return int(self._tls.read(nbytes or len(view), view))
                except ssl.SSLWantReadError:
                    self._flush()
                except ssl.SSLZeroReturnError:
                    return 0
            data = self._socket.recv(_RECORD_BYTES, flags)
            if not data:
                return 0
            self._incoming.write(data)
            if self._waiting is not None:
                self._shake_hands()
        raise BlockingIOError

    def close(self) -> None:
        """Close the socket; that the other side is told is not waited for."""
        self._socket.close()

    def _shake_hands(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return
        except ssl.SSLCertVerificationError as error:
            raise ssl.SSLCertVerificationError(
                error.errno,
                f"its certificate is not accepted: {error.verify_message}"
                " (tls: unverified accepts any)",
            ) from error
        waiting, self._waiting = self._waiting, None
        if waiting:
            self._tls.write(waiting)
        self._flush()

    def _flush(self) -> None:
        if data := self._outgoing.read():
            self._socket.sendall(data)
