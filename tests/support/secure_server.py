"""Servers that speak TLS or HTTP/2, each in a process of its own, with throw-away certificates."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.certificates import Certificate

# What both of them answer to GET /players.
BODY = b'{"name": "Ada"}'

_TLS = """
import http.server, os, ssl, sys

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self):
        # The name that the client asked for in its handshake, and in its request.
        names = f"{self.connection.server_name} {self.headers['Host']}"
        body = names.encode() if self.path == "/names" else BODY
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass

class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass  # a client that does not trust the certificate

BODY = bytes.fromhex(sys.argv[3])
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])

def named(connection, name, context):
    connection.server_name = name

context.sni_callback = named
server = Server(("127.0.0.1", int(sys.argv[4]) if len(sys.argv) > 4 else 0), Handler)
# The handshake in the thread of its connection.
server.socket = context.wrap_socket(
    server.socket, server_side=True, do_handshake_on_connect=False
)
print(server.server_port, flush=True)
server.serve_forever()
"""


def tls_argv(certificate: Certificate, port: int) -> list[str]:
    """The command of a TLS server with HTTP/1.1 on this port."""
    files = [str(certificate.certificate), str(certificate.key)]
    return [sys.executable, "-c", _TLS, *files, BODY.hex(), str(port)]


@contextmanager
def serving_tls(certificate: Certificate) -> Iterator[int]:
    """HTTP/1.1 over TLS on a free port; `/names` answers with the names it was called by."""
    process = subprocess.Popen(tls_argv(certificate, 0), stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def nghttpd() -> str | None:
    """The HTTP/2 server of nghttp2; Debian puts it where only root looks."""
    return shutil.which("nghttpd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


@contextmanager
def serving_http2(folder: Path, certificate: Certificate | None = None) -> Iterator[int]:
    """HTTP/2 alone: in the clear (prior knowledge), or over TLS with a certificate."""
    program = nghttpd()
    assert program is not None, "nghttpd is not installed"
    folder.mkdir(exist_ok=True)
    (folder / "players").write_bytes(BODY)
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    files = [str(certificate.key), str(certificate.certificate)] if certificate else []
    options = ["--address=127.0.0.1", f"--htdocs={folder}", *([] if certificate else ["--no-tls"])]
    process = subprocess.Popen([program, *options, str(port), *files])
    try:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and process.poll() is None:
            with socket.socket() as sock:
                if sock.connect_ex(("127.0.0.1", port)) == 0:
                    break
        yield port
    finally:
        process.kill()
        process.wait()
