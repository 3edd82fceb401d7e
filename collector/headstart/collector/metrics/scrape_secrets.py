"""Who may scrape by a secret: bearer tokens and names with passwords, from files of their own.

The files are read anew when they change, so that a secret rotates without a restart. They hold
the secrets themselves, as those of Prometheus' `credentials_file` and `password_file` do, and must
be private like keys.
"""

import base64
import binascii
import hmac
import logging
from collections.abc import Callable
from pathlib import Path

from headstart.collector.faults import StartFault
from headstart.words.private_files import KeyExposed, read_private_key

log = logging.getLogger(__name__)

_LARGEST_BYTES = 64 * 1024
_SHORTEST = 16


class ScrapeSecrets:
    """`allows` may be called from any thread."""

    def __init__(self, tokens: Path | None, passwords: Path | None) -> None:
        """A line each: a token, or NAME:PASSWORD. Raises StartFault: what is wrong and where."""
        self._files = {
            scheme: (path, kind)
            for scheme, path, kind in (
                ("bearer", tokens, _token),
                ("basic", passwords, _password),
            )
            if path is not None
        }
        self._known = {scheme: _read(*file) for scheme, file in self._files.items()}

    @property
    def challenges(self) -> tuple[str, ...]:
        """What WWW-Authenticate says, a value for each scheme."""
        return tuple(f'{scheme.capitalize()} realm="headstart"' for scheme in self._files)

    def allows(self, authorization: str) -> bool:
        """Whether the value of a request's header `Authorization` has one of the secrets."""
        scheme, _, given = authorization.partition(" ")
        scheme, given = scheme.lower(), given.strip()
        if scheme not in self._files:
            return False
        secret = given.encode(errors="replace")
        if scheme == "basic":
            try:
                secret = base64.b64decode(given, validate=True)
            except (binascii.Error, ValueError):
                return False
        # All of them, so that the time says nothing of which was near.
        return sum(hmac.compare_digest(secret, known) for known in self._now(scheme)) > 0

    def _now(self, scheme: str) -> tuple[bytes, ...]:
        try:
            self._known[scheme] = _read(*self._files[scheme])
        except StartFault as fault:
            log.error("the secrets of before stay: %s", fault)
        return self._known[scheme]


def _read(path: Path, check: Callable[[str], str]) -> tuple[bytes, ...]:
    try:
        content = read_private_key(path)
    except OSError as error:
        raise StartFault(f"{path}: {error.strerror}") from error
    except KeyExposed as error:
        raise StartFault(f"{path}: others can read its secrets: chmod 0600 {path}") from error
    if len(content) > _LARGEST_BYTES:
        raise StartFault(f"{path} has {len(content)} bytes, {_LARGEST_BYTES} at most are read")
    try:
        lines = content.decode().splitlines()
    except UnicodeDecodeError as error:
        raise StartFault(f"{path}: expected UTF-8: {error.reason}") from error
    told = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    wrong = [f"line {number}: {said}" for number, line in told if (said := check(line))]
    if wrong or not told:
        raise StartFault(f"{path}: {'; '.join(wrong) or 'no line has a secret'}")
    return tuple(line.encode() for _, line in told)


def _token(line: str) -> str:
    if len(line) >= _SHORTEST and line.isascii() and not any(c.isspace() for c in line):
        return ""
    return f"expected a token of {_SHORTEST} ASCII characters or more, without spaces"


def _password(line: str) -> str:
    name, colon, password = line.partition(":")
    if name and colon and len(password) >= _SHORTEST:
        return ""
    return f"expected NAME:PASSWORD, the password of {_SHORTEST} characters or more"
