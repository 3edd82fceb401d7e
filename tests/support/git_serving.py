"""Git repositories, and a server that gives them out over HTTP, with faults."""

import os
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from support.trees import write_tree

_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@a",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@a",
}


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder, with nobody's configuration; what it writes."""
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | _ENVIRONMENT,
    )
    return done.stdout.strip()


def commit(folder: Path, files: Mapping[str, str | bytes], *prepare: tuple[str, ...]) -> str:
    """A commit with these files in a repository that is made when it is missing; its id.

    `prepare`: commands of git before the commit.
    """
    write_tree(folder, files)
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet")
    git(folder, "add", "--all", "--force")
    for each in prepare:
        git(folder, *each)
    git(folder, "commit", "--quiet", "--message", "m", "--allow-empty")
    return git(folder, "rev-parse", "HEAD")


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        served = self.server
        assert isinstance(served, GitServer)
        served.asked.append(self.path)
        if served.fault == "stalls":
            served.release.wait(60)
            return
        if served.fault == "login" and "Authorization" not in self.headers:
            self._answer(401, [("WWW-Authenticate", 'Basic realm="r"')])
        elif served.fault.startswith("http"):
            self._answer(302, [("Location", served.fault + self.path)])
        else:
            self._backend(served.root)

    do_POST = do_GET

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in [*headers, ("Content-Length", str(len(body)))]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _backend(self, root: Path) -> None:
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        environment = os.environ | {
            "GIT_PROJECT_ROOT": str(root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
        }
        # It fails of what it refuses, once it has said so.
        done = subprocess.run(
            ["git", "http-backend"], input=body, capture_output=True, check=False, env=environment
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = [line.split(": ", 1) for line in head.decode().split("\r\n")]
        status = next((int(value[:3]) for name, value in headers if name == "Status"), 200)
        self._answer(status, [(n, v) for n, v in headers if n != "Status"], content)

    def log_message(self, format: str, *args: object) -> None:  # its name
        """Say nothing."""


class GitServer(ThreadingHTTPServer):
    """Serves the repositories below a folder; `fault`: "login", "stalls", an address, or none."""

    daemon_threads = True

    def __init__(self, root: Path, fault: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.root = root
        self.fault = fault
        self.asked: list[str] = []
        self.release = threading.Event()

    @property
    def address(self) -> str:
        """What the addresses of its repositories begin with."""
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def git_server(root: Path, fault: str = "") -> Iterator[GitServer]:
    """One that listens."""
    with GitServer(root, fault) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.release.set()
            server.shutdown()
            thread.join()
