"""A load as h2load and nghttp take it: URLs, options, and a file with the body."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from headstart.agent.http.app_client import RequestFault
from headstart.agent.http.check_runner import run_bounded
from headstart.agent.http.checks import Evaluation, evaluate
from headstart.agent.http.serialise import authority, header_fields
from headstart.agent.load.body_probe import TIMEOUT_SECONDS, Ask, asking
from headstart.agent.load.driver import LoadTask
from headstart.agent.load.mix import order
from headstart.v1.experiment_pb2 import HttpCheck, HttpRequest, HttpVersion, Load


def why_not(load: Load) -> str | None:
    """Why h2load cannot send the requests of a load; None: it can."""
    first = load.requests[0].check
    for other in (request.check for request in load.requests[1:]):
        if _common(other) != _common(first):
            return (
                "h2load sends one method, one set of header fields and one body,"
                " and cannot expect different statuses in a mix"
            )
    return None


def _common(check: HttpCheck) -> tuple[object, ...]:
    fields = [(header.name, header.value) for header in check.request.headers]
    return check.request.method, fields, check.request.body, check.status


@dataclass(frozen=True)
class Commands:
    """Files in `task.scratch`, written by `write`, and the arguments that name them."""

    task: LoadTask

    @property
    def log(self) -> Path:
        """Where h2load writes a line for every request."""
        return self.task.scratch / "h2load.log"

    @property
    def is_http2(self) -> bool:
        """Whether HTTP/2 was asked for."""
        return self._load.http_version == HttpVersion.HTTP_VERSION_2

    def write(self) -> None:
        """The files that the arguments name."""
        urls = [self._url(self._load.requests[index].check.request) for index in order(self._load)]
        (self.task.scratch / "urls").write_text("\n".join(urls) + "\n")
        self._body.write_bytes(self._request.body)

    def h2load(self, program: str, threads: int) -> list[str]:
        """The load. A window of statistics of h2load's own is never asked for."""
        connections = max(1, self._load.connections)
        argv = [program, f"--clients={connections}", f"--threads={threads}"]
        argv += [f"--duration={round(self._load.duration_seconds * 1000)}ms"]
        argv += ["--npn-list=h2"] if self.is_http2 else ["--h1"]
        if self._load.rate_per_second:
            argv.append(f"--rps={self._load.rate_per_second / connections:g}")
        if self._host:
            argv.append(f"--connect-to={authority(self.task.address, self.task.port)}")
        argv += [*self._options(), f"--log-file={self.log}"]
        return [*argv, f"--input-file={self.task.scratch / 'urls'}"]

    @contextmanager
    def asking(self, nghttp: str) -> Iterator[Ask]:
        """How a body is fetched beside the load, over the same version of HTTP."""
        if self.is_http2:
            yield lambda check: self._ask_nghttp(nghttp, check)
            return
        with asking(self.task) as ask:
            yield ask

    def _ask_nghttp(self, nghttp: str, check: HttpCheck) -> Evaluation:
        """nghttp prints the body alone: status and fields are taken as right.

        h2load counts the status of every answer; the fields nobody checks.
        """
        argv = [nghttp, "--no-dep", *self._options()]
        # It asks for a compressed answer, which nobody else does.
        if not any(h.name.lower() == "accept-encoding" for h in self._request.headers):
            argv.append("--header=accept-encoding: identity")
        if self._host:
            argv.append(f"--header=:authority: {self._host}")
        url = self._url(check.request, authority(self.task.address, self.task.port))
        try:
            # The words of nghttp would be taken for the body's.
            ended = run_bounded(
                [*argv, url],
                dict(os.environ),
                TIMEOUT_SECONDS,
                namespace=self.task.namespace,
                errors=False,
            )
        except OSError as error:
            raise RequestFault(str(error)) from error
        if ended.status != 0 or not ended.output:
            raise RequestFault("nghttp got no whole answer")
        fields = [(header.name, header.value) for header in check.headers]
        return evaluate(check, check.status or 200, fields, ended.output)

    def _options(self) -> Iterator[str]:
        """What h2load and nghttp have in common."""
        yield f"--header=:method: {self._request.method}"
        # Where they have fields of their own by these names, these take their place.
        for name, value in header_fields(self._request):
            yield f"--header={name}: {value}"
        if self._request.body:
            yield f"--data={self._body}"

    def _url(self, request: HttpRequest, where: str = "") -> str:
        scheme = "https" if self._load.tls else "http"
        where = where or self._host or authority(self.task.address, self.task.port)
        return f"{scheme}://{where}{request.target}"

    @property
    def _load(self) -> Load:
        return self.task.load

    @property
    def _request(self) -> HttpRequest:
        return self._load.requests[0].check.request

    @property
    def _host(self) -> str:
        """The Host that the requests state: h2load would send a second one of its own."""
        stated = (h.value for h in self._request.headers if h.name.lower() == "host")
        return next(stated, "")

    @property
    def _body(self) -> Path:
        return self.task.scratch / "body"
