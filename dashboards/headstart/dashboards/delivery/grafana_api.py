"""The calls of Grafana's HTTP API that a push needs, and what its answers mean.

https://grafana.com/docs/grafana/latest/developers/http_api/: folders and dashboards.
"""

import http.client
import json
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

_TIMEOUT_SECONDS = 30.0
# Of a whole answer, however slowly it comes.
_PATIENCE_SECONDS = 120.0
_LARGEST_BYTES = 32 << 20
_LONGEST_MESSAGE = 300
_NEEDED = (
    "role Editor, or the permissions folders:read, folders:create, dashboards:read, "
    "dashboards:create, dashboards:write"
)


class GrafanaFault(Exception):
    """A call that did not do what it was for; the message says what to do.

    `given`: the address, the token or what is in that Grafana is the cause, so that trying
    again changes nothing.
    """

    def __init__(self, message: str, *, given: bool) -> None:
        super().__init__(message)
        self.given = given


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would take the token elsewhere, and make a GET of a POST."""

    def redirect_request(self, *_arguments: Any, **_options: Any) -> None:
        return None


class GrafanaApi:
    """One Grafana, asked with a token of a service account."""

    def __init__(self, url: str, token: str, tls: ssl.SSLContext | None = None) -> None:
        """`url` with its sub path, without a slash at the end; `tls` for https alone."""
        self.url = url
        self._token = token
        handlers: list[urllib.request.BaseHandler] = [_NoRedirects()]
        if tls is not None:
            handlers.append(urllib.request.HTTPSHandler(context=tls))
        self._opener = urllib.request.build_opener(*handlers)

    def get(self, path: str) -> Any | None:
        """The answer's JSON; None for 404. Raises GrafanaFault."""
        return self._asked("GET", path, None)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The answer's JSON. Raises GrafanaFault."""
        return self._asked("POST", path, json.dumps(body).encode())

    def _asked(self, method: str, path: str, body: bytes | None) -> Any | None:
        headers = {"Accept": "application/json", "Authorization": f"Bearer {self._token}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        # The scheme is http or https: the configuration and the command take no other.
        request = urllib.request.Request(  # noqa: S310
            f"{self.url}{path}", data=body, headers=headers, method=method
        )
        try:
            with self._opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
                return self._parsed(_read(answer))
        except urllib.error.HTTPError as error:
            with error:
                if error.code == http.client.NOT_FOUND and method == "GET":
                    self._demand_grafana(_body(error))
                    return None
                raise self._refusal(f"{method} {path}", error) from error
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error

    def _parsed(self, content: bytes) -> Any:
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            raise GrafanaFault(
                f"{self.url} answers with something other than JSON: is it Grafana's address, "
                "with its sub path?",
                given=True,
            ) from error

    def _demand_grafana(self, content: bytes) -> None:
        """Grafana's own 404 has a message in JSON; that of another server has not."""
        if not isinstance(found := self._parsed(content), dict) or "message" not in found:
            raise GrafanaFault(f"{self.url} answers 404 and is no Grafana", given=True)

    def _refusal(self, call: str, error: urllib.error.HTTPError) -> GrafanaFault:
        said = f"{error.code}: {_message(_body(error))}"
        if error.code == http.client.UNAUTHORIZED:
            return GrafanaFault(f"{self.url} does not accept the token ({said})", given=True)
        if error.code == http.client.FORBIDDEN:
            wrong = f"the token may not do that: {call} ({said}); it needs the {_NEEDED}"
            return GrafanaFault(wrong, given=True)
        if error.code in (http.client.CONFLICT, http.client.PRECONDITION_FAILED):
            wrong = f"{call} is against what is in that Grafana ({said})"
            return GrafanaFault(wrong, given=True)
        if error.code == http.client.TOO_MANY_REQUESTS:
            wait = error.headers.get("Retry-After", "")
            later = f"in {wait} s" if wait.isdecimal() else "later"
            wrong = f"{self.url} takes no more calls now ({said}): try again {later}"
            return GrafanaFault(wrong, given=False)
        if 300 <= error.code < 400:
            there = error.headers.get("Location", "elsewhere")[:_LONGEST_MESSAGE]
            wrong = f"{self.url} redirects to {there}: name Grafana's own address"
            return GrafanaFault(wrong, given=True)
        wrong = f"{self.url} answers {call} with {said}"
        return GrafanaFault(wrong, given=error.code < http.client.INTERNAL_SERVER_ERROR)

    def _unreachable(self, error: Exception) -> GrafanaFault:
        cause = getattr(error, "reason", error)
        if isinstance(cause, ssl.SSLCertVerificationError):
            wrong = (
                f"{self.url}: its certificate is not trusted ({cause.verify_message}): name the "
                "authority that signed it by --ca"
            )
            return GrafanaFault(wrong, given=True)
        if isinstance(cause, TimeoutError):
            return GrafanaFault(f"{self.url} does not answer in time", given=False)
        if isinstance(cause, socket.gaierror):
            return GrafanaFault(f"{self.url}: no such host ({cause.strerror})", given=True)
        words = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
        return GrafanaFault(f"{self.url} cannot be reached: {words}", given=False)


def _read(answer: http.client.HTTPResponse | urllib.error.HTTPError) -> bytes:
    """The body, within bounds of size and time. Raises TimeoutError and OSError."""
    give_up = time.monotonic() + _PATIENCE_SECONDS
    content = b""
    while part := answer.read1(1 << 16):
        content += part
        if time.monotonic() > give_up:
            raise TimeoutError
        if len(content) > _LARGEST_BYTES:
            raise OSError(f"it answers with more than {_LARGEST_BYTES} bytes")
    return content


def _body(error: urllib.error.HTTPError) -> bytes:
    """What is said of an error, if it comes: the status alone is worth a message."""
    try:
        return _read(error)
    except (OSError, http.client.HTTPException):
        return b""


def _message(content: bytes) -> str:
    """What Grafana says is wrong: its `message` and `status`, or the text that there is."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        return content.decode("utf-8", "replace").strip()[:_LONGEST_MESSAGE] or "without a word"
    status = f" [{found['status']}]" if isinstance(found.get("status"), str) else ""
    return f"{found.get('message', 'without a word')}{status}"[:_LONGEST_MESSAGE]
