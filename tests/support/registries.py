"""Registries on the loopback, which an engine takes without TLS: Debian's, and one with faults."""

import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import URLError

import docker

from support.running import free_port
from support.waiting import wait_until

USER, PASSWORD = "perf", "players"
# `htpasswd -nbBC 4 perf players`
_HTPASSWD = "perf:$2b$04$EF1M/h.rdMeaW6T45.bO5uwa63SFPI1wci91QETNsZVS0KLajA.ia\n"
LOGIN = {"username": USER, "password": PASSWORD}

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"


@contextmanager
def registry(folder: Path, login: bool = False) -> Iterator[str]:
    """Debian's docker-registry, empty; its host and port. `login`: only with LOGIN."""
    address = f"127.0.0.1:{free_port()}"
    settings = {
        "version": "0.1",
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "registry")}},
        "http": {"addr": address},
    }
    if login:
        file = folder / "htpasswd"
        file.write_text(_HTPASSWD)
        settings["auth"] = {"htpasswd": {"realm": "tests", "path": str(file)}}
    # YAML takes JSON.
    (folder / "registry.yml").write_text(json.dumps(settings))
    process = subprocess.Popen(
        ["docker-registry", "serve", str(folder / "registry.yml")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: _answers(address))
        yield address
    finally:
        process.kill()
        process.wait()


def _answers(address: str) -> bool:
    try:
        urllib.request.urlopen(f"http://{address}/").close()
    except URLError:
        return False
    return True


def push(local: str, name: str, login: dict[str, str] | None = None) -> None:
    """Push an image of the engine under another name, which the engine then forgets."""
    repository, _, tag = name.rpartition(":")
    with closing(docker.APIClient()) as client:
        client.tag(local, repository, tag)
        try:
            said = client.push(repository, tag, stream=True, decode=True, auth_config=login)
            errors = [each["error"] for each in said if "error" in each]
        finally:
            client.remove_image(name, force=True)
    assert not errors, errors


def push_layer(size: int, name: str, login: dict[str, str] | None = None) -> None:
    """Push an image of one layer with so many bytes that do not compress."""
    repository, _, tag = name.rpartition(":")
    with closing(docker.APIClient()) as client:
        client.import_image_from_data(
            _layer(size),
            repository,
            tag,
            changes=['CMD ["/app"]'],
        )
        said = client.push(repository, tag, stream=True, decode=True, auth_config=login)
        errors = [each["error"] for each in said if "error" in each]
        client.remove_image(name, force=True)
    assert not errors, errors


def id_of(name: str) -> str:
    """The id of an image that the engine has."""
    with closing(docker.APIClient()) as client:
        return str(client.inspect_image(name)["Id"])  # type: ignore[no-untyped-call]  # stub


def retag(name: str) -> None:
    """Let the name mean another image."""
    repository, _, tag = name.rpartition(":")
    with closing(docker.APIClient()) as client:
        client.import_image_from_data(_layer(10), repository, tag)


def forget(*names: str) -> None:
    """Remove images from the engine, if they are there."""
    with closing(docker.APIClient()) as client:
        for name in names:
            try:
                client.remove_image(name, force=True)
            except docker.errors.ImageNotFound:
                continue


def holds(name: str) -> bool:
    """Whether the engine has an image of this name."""
    with closing(docker.APIClient()) as client:
        try:
            client.inspect_image(name)  # type: ignore[no-untyped-call]  # stub
        except docker.errors.ImageNotFound:
            return False
    return True


def _layer(size: int) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        member = tarfile.TarInfo("data")
        member.size = size
        tar.addfile(member, io.BytesIO(os.urandom(size)))
    return file.getvalue()


def _zeros(size: int) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        member = tarfile.TarInfo("data")
        member.size = size
        tar.addfile(member, io.BytesIO(bytes(size)))
    return file.getvalue()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class FaultyRegistry:
    """A registry with one image, under every name, that goes wrong as its `fault` says.

    "stalls": half of the layer, and the rest after `release`; "list": it has the image for
    other platforms; "arm": the image is for another one; "breaks": it hangs up amid the layer;
    "bomb": the layer unpacks to a hundred times its size; "error": every answer is 500; "":
    nothing is wrong.
    """

    def __init__(self, fault: str, size: int = 3 << 20) -> None:
        self.fault = fault
        self.layer = _layer(size)
        unpacked = self.layer
        if fault == "bomb":
            unpacked = _zeros(100 * size)
            self.layer = gzip.compress(unpacked, 1)
        self.release = threading.Event()
        self.stalled = threading.Event()
        # All of the layer was sent, or nobody took it.
        self.finished = threading.Event()
        architecture = "arm64" if fault == "arm" else "amd64"
        config = json.dumps(
            {
                "architecture": architecture,
                "os": "linux",
                "config": {"Cmd": ["/app"]},
                "rootfs": {"type": "layers", "diff_ids": [_digest(unpacked)]},
            }
        ).encode()
        self.blobs = {_digest(blob): blob for blob in (self.layer, config)}
        self.manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": _MANIFEST,
                "config": {
                    "mediaType": "application/vnd.docker.container.image.v1+json",
                    "size": len(config),
                    "digest": _digest(config),
                },
                "layers": [
                    {
                        "mediaType": "application/vnd.docker.image.rootfs.diff.tar",
                        "size": len(self.layer),
                        "digest": _digest(self.layer),
                    }
                ],
            }
        ).encode()
        entry = {
            "mediaType": _MANIFEST,
            "size": len(self.manifest),
            "digest": _digest(self.manifest),
            "platform": {"architecture": "arm64", "os": "linux"},
        }
        self.list = json.dumps(
            {"schemaVersion": 2, "mediaType": _LIST, "manifests": [entry]}
        ).encode()

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """Status, type and body of a request."""
        if self.fault == "error":
            return 500, "text/plain", b"out of order"
        *_, kind, last = ("", *path.split("/"))
        if kind == "manifests" and self.fault == "list" and last != _digest(self.manifest):
            return 200, _LIST, self.list
        if kind == "manifests":
            return 200, _MANIFEST, self.manifest
        if kind == "blobs" and last in self.blobs:
            return 200, "application/octet-stream", self.blobs[last]
        return (200, "application/json", b"{}") if path == "/v2/" else (404, "text/plain", b"")


@contextmanager
def faulty_registry(fault: str, size: int = 3 << 20) -> Iterator[tuple[str, FaultyRegistry]]:
    """One that listens; its host and port, and itself."""
    behind = FaultyRegistry(fault, size)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def _answer(self, with_body: bool) -> None:
            status, kind, body = behind.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
            if "manifests" in self.path:
                self.send_header("Docker-Content-Digest", _digest(body))
            self.end_headers()
            if not with_body:
                return
            if body is not behind.layer or behind.fault not in ("stalls", "breaks"):
                self.wfile.write(body)
                return
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            behind.stalled.set()
            if behind.fault == "stalls":
                behind.release.wait(60)
                with suppress(OSError):
                    self.wfile.write(body[len(body) // 2 :])
                behind.finished.set()
            self.close_connection = True

        def log_message(self, *_arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # an engine that hangs up

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}", behind
    finally:
        behind.release.set()
        server.shutdown()
        thread.join()
        server.server_close()
