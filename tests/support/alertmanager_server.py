"""A real Alertmanager for a test, and the webhook that receives its messages."""

import json
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from support.ports import free_port
from support.prometheus_server import logged_process
from support.waiting import wait_until

# Only a test that fails waits this long.
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Message:
    """One message of Alertmanager: what became of alerts of one group."""

    status: str
    alerts: tuple[Mapping[str, Any], ...]

    @property
    def name(self) -> str:
        """The alert's; every route groups by it."""
        (name,) = {alert["labels"]["alertname"] for alert in self.alerts}
        return str(name)

    @property
    def told(self) -> tuple[str, str]:
        """The alert's name, and firing or resolved."""
        return (self.name, self.status)


class Webhook:
    """What was received so far, in order. Made by `webhook`."""

    def __init__(self, address: str) -> None:
        self.url = f"http://{address}/alerts"
        self.messages: list[Message] = []

    def take(self, body: bytes) -> None:
        """A message as Alertmanager posts it."""
        found = json.loads(body)
        self.messages.append(Message(found["status"], tuple(found["alerts"])))

    @property
    def told(self) -> list[tuple[str, str]]:
        """Names and states of all messages."""
        return [message.told for message in self.messages]

    def wait_for(self, name: str, status: str) -> Message:
        """The first message of an alert in a state, as soon as it is there."""
        try:
            wait_until(lambda: (name, status) in self.told, PATIENCE_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"{name} is never {status}, but: {self.told}") from error
        return next(message for message in self.messages if message.told == (name, status))


@contextmanager
def webhook() -> Iterator[Webhook]:
    """A receiver on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.take(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        received = Webhook(f"127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield received
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def alertmanager_with(file: Path) -> Iterator[str]:
    """An Alertmanager with this alertmanager.yml, its data beside that; its "host:port"."""
    address = f"127.0.0.1:{free_port()}"
    command = [
        "prometheus-alertmanager",
        f"--config.file={file}",
        f"--storage.path={file.parent / 'alertmanager'}",
        f"--web.listen-address={address}",
        # One that looks for no others.
        "--cluster.listen-address=",
    ]
    with logged_process(command, file.parent / "alertmanager.log"):
        wait_until(lambda: _ready(address), PATIENCE_SECONDS)
        yield address


def _ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/-/ready", timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
