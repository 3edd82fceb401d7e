"""An app that keeps its own record: counting_server.py PORT FOLDER

It answers every GET with 200, and before each answer appends one byte to a file in FOLDER that is
named by the trial that it was started for: "l" for a request of the load, "o" for any other.
"""

import http.server
import os
import socketserver
import sys
from pathlib import Path

LOAD, OTHER = b"l", b"o"


class App(http.server.BaseHTTPRequestHandler):
    """GET /load is the load's."""

    protocol_version = "HTTP/1.1"
    record = -1

    def do_GET(self) -> None:
        os.write(App.record, LOAD if self.path == "/load" else OTHER)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_arguments: object) -> None:
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


def main() -> None:
    # STATE/INSTANCE/, of which the instance names run, attempt and trial.
    instance = os.environ["HEADSTART_INSTANCE"].split("/")[1]
    name = f"{instance}.{os.getpid()}"
    App.record = os.open(
        Path(sys.argv[2]) / name, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_EXCL
    )
    Server(("127.0.0.1", int(sys.argv[1])), App).serve_forever()


if __name__ == "__main__":
    main()
