"""What the configuration of an image says of the service in it: port and readiness, as guesses.

An image promises nothing: each guess names where it comes from.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# In the order in which they count: those of a framework before those of a platform.
_URLS = ("ASPNETCORE_URLS", "DOTNET_URLS", "QUARKUS_HTTP_URL")
_PORTS = (
    "ASPNETCORE_HTTP_PORTS",
    "DOTNET_HTTP_PORTS",
    "SERVER_PORT",
    "QUARKUS_HTTP_PORT",
    "MICRONAUT_SERVER_PORT",
    "UVICORN_PORT",
    "HTTP_PORT",
    "PORT",
)
_VARIABLE = re.compile(
    r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)(?::?-([^}]*))?\}|([A-Za-z_][A-Za-z0-9_]*))"
)
_LOCAL = r"(?:localhost|127\.0\.0\.1|\[::1\]|0\.0\.0\.0)"
_ASKED = re.compile(rf"(?:(https?)://)?{_LOCAL}(?::([0-9]{{1,5}}))?(/[!$-&+-:=?-Z_a-z~%]*)?")
_LONGEST_TEXT = 4096


@dataclass(frozen=True)
class ServiceHints:
    """Guesses; 0 and empty where there is none. `..._from` says what they are taken of."""

    port: int = 0
    port_from: str = ""
    path: str = ""
    path_from: str = ""
    tls: bool = False


def service_hints(config: Mapping[str, Any]) -> ServiceHints:
    """Of the `Config` that `docker image inspect` shows."""
    environment = dict(each.partition("=")[::2] for each in config.get("Env") or [])
    asked = _health(config.get("Healthcheck") or {}, environment)
    path = asked[3] or "/" if asked else ""
    tls = bool(asked and asked[1] == "https")
    port, source = 0, ""
    if asked and asked[2]:
        port, source = _number(asked[2]), "HEALTHCHECK"
    if not port:
        port, source = port_of_environment(environment)
    if not port:
        exposed = sorted(_exposed(config))
        if len(exposed) == 1:
            port, source = exposed[0], "EXPOSE"
    return ServiceHints(port, source, path, "HEALTHCHECK" if path else "", tls)


def port_of_environment(environment: Mapping[str, str]) -> tuple[int, str]:
    """The port that environment variables name, and which; 0: none does."""
    for name in _URLS:
        for url in environment.get(name, "").split(";"):
            match = re.fullmatch(r"http://[^/]*?(?::([0-9]{1,5}))?/?", url.strip())
            if match and (port := _number(match[1] or "80")):
                return port, name
    for name in _PORTS:
        if port := _number(environment.get(name, "").split(";")[0].strip()):
            return port, name
    return 0, ""


def _health(check: Mapping[str, Any], environment: Mapping[str, str]) -> re.Match[str] | None:
    """What curl, wget or the like ask for in a HEALTHCHECK: scheme, port, path."""
    words = [str(word) for word in check.get("Test") or []][1:]
    text = " ".join(words)[:_LONGEST_TEXT]
    text = _VARIABLE.sub(
        lambda found: environment.get(found[1] or found[3]) or found[2] or "", text
    )
    found = _ASKED.search(text)
    return found if found and (found[1] or found[2]) else None


def _exposed(config: Mapping[str, Any]) -> Iterator[int]:
    for text in config.get("ExposedPorts") or {}:
        number, _, protocol = str(text).partition("/")
        if protocol in ("", "tcp") and (port := _number(number)):
            yield port


def _number(text: str) -> int:
    port = int(text) if text.isascii() and text.isdecimal() and len(text) <= 5 else 0
    return port if port <= 65535 else 0
