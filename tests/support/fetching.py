"""One request to an app on 127.0.0.1, over a connection of its own."""

import ssl

from headstart.agent.http.app_client import Response, Session
from headstart.v1.experiment_pb2 import HttpRequest


def fetch(
    port: int, request: HttpRequest, timeout_seconds: float, tls: ssl.SSLContext | None = None
) -> Response:
    """RequestFault when no whole answer came."""
    with Session("127.0.0.1", port, timeout_seconds, tls) as session:
        return session.fetch(request)
