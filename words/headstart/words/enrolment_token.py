"""What an enrolment token says, as one line: where to go, whom to believe, and a secret.

It carries the authority's certificate itself, so that the first handshake already checks
whom it speaks to. A checksum tells a line that was cut off from one that is refused.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from headstart.words.foreign.addresses import is_host_and_port
from headstart.words.roles import Role, is_name

_PREFIX = "hst1-"
_CHECKSUM_BYTES = 4
_LONGEST = 8192
_ID = re.compile(r"[0-9a-z]{4,32}", re.ASCII)
SECRET_BYTES = 32


class MalformedToken(ValueError):
    """A text is no token; the message says why."""


@dataclass(frozen=True)
class EnrolmentToken:
    """`repr` would show the secret: it shows the id alone."""

    # Of the port for enrolment, "host:port".
    address: str
    # The authority's certificate, DER.
    authority: bytes
    token_id: str
    secret: bytes
    role: Role
    # Empty: whoever uses it says how it is called.
    name: str = ""

    def __repr__(self) -> str:
        return f"EnrolmentToken({self.token_id})"

    def text(self) -> str:
        """One line of letters, digits, '-' and '_'."""
        parts = (
            self.address.encode(),
            self.authority,
            self.token_id.encode(),
            self.secret,
            self.role.encode(),
            self.name.encode(),
        )
        packed = b"".join(len(part).to_bytes(2, "big") + part for part in parts)
        sealed = packed + _checksum(packed)
        return _PREFIX + base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def token_of(text: str) -> EnrolmentToken:
    """Read a line. Raises MalformedToken."""
    text = "".join(text.split())
    if not text.startswith(_PREFIX):
        raise MalformedToken(
            f"no token: expected the line that `headstart token create` prints ({_PREFIX}...)"
        )
    body = text.removeprefix(_PREFIX)
    if len(body) > _LONGEST:
        raise MalformedToken("the token is too long: is it one token, and nothing else?")
    try:
        sealed = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise MalformedToken("the token is cut off or changed: copy the whole line") from None
    packed, checksum = sealed[:-_CHECKSUM_BYTES], sealed[-_CHECKSUM_BYTES:]
    if checksum != _checksum(packed):
        raise MalformedToken("the token is cut off or changed: copy the whole line")
    try:
        address, authority, token_id, secret, role, name = _parts(packed)
        token = EnrolmentToken(
            address.decode("ascii"),
            authority,
            token_id.decode("ascii"),
            secret,
            Role(role.decode("ascii")),
            name.decode("ascii"),
        )
    except ValueError:
        raise MalformedToken("the token is of no release that this one knows") from None
    if not (
        is_host_and_port(token.address)
        and _ID.fullmatch(token.token_id)
        and len(token.secret) == SECRET_BYTES
        and token.authority
        and (not token.name or is_name(token.name))
    ):
        raise MalformedToken("the token says what no collector puts into one")
    return token


def _parts(packed: bytes) -> list[bytes]:
    parts, at = [], 0
    while at < len(packed):
        size = int.from_bytes(packed[at : at + 2], "big")
        at += 2
        part = packed[at : at + size]
        if len(part) != size:
            raise ValueError("cut off")
        parts.append(part)
        at += size
    return parts


def _checksum(packed: bytes) -> bytes:
    return hashlib.sha256(packed).digest()[:_CHECKSUM_BYTES]
