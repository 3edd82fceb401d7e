"""An app to be measured: python sample_app.py PORT [behaviour [MANAGEMENT]]

good, slow (starts 0.6 s later), exits (at once, with a last word), silent (never listens),
broken (answers 500), dies (after 50 requests), differs (another body). /hang is never answered.
With a management port, /healthz is answered there alone, and elsewhere is not found.
"""

import http.server
import json
import os
import socketserver
import sys
import threading
import time


class App(http.server.BaseHTTPRequestHandler):
    """GET anything: 200 and JSON."""

    protocol_version = "HTTP/1.1"
    behaviour = "good"
    answered = 0
    management = 0

    def do_GET(self) -> None:
        App.answered += 1
        if App.behaviour == "dies" and App.answered > 50:
            print("out of luck", file=sys.stderr, flush=True)
            os._exit(7)
        if self.path == "/hang":
            time.sleep(600)
        body = {"status": "ok", "path": self.path, "at": time.time_ns()}
        if App.behaviour == "differs":
            body["status"] = "fine"
        content = json.dumps(body).encode()
        at = self.connection.getsockname()[1]
        if App.management and (self.path == "/healthz") != (at == App.management):
            self.send_response(404)
        else:
            self.send_response(500 if App.behaviour == "broken" else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments: object) -> None:
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main() -> None:
    port = int(sys.argv[1])
    App.behaviour = sys.argv[2] if len(sys.argv) > 2 else "good"
    if App.behaviour == "exits":
        print("configuration is missing", file=sys.stderr)
        sys.exit(3)
    if App.behaviour == "silent":
        time.sleep(600)
    if App.behaviour == "slow":
        time.sleep(0.6)
    if len(sys.argv) > 3:
        App.management = int(sys.argv[3])
        beside = Server(("127.0.0.1", App.management), App)
        threading.Thread(target=beside.serve_forever, daemon=True).start()
    Server(("127.0.0.1", port), App).serve_forever()


if __name__ == "__main__":
    main()
