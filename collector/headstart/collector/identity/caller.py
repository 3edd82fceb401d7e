"""Who calls: by the certificate that was shown, or by the door that was come through.

A certificate of the collector's own authority says its role and name itself. One of an
authority of the operator's has the roles that the roles file gives to its names. Whoever may
open the socket is an operator, and an agent too: `headstart run` attends by it.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from headstart.collector.identity.roles_file import RolesFile
from headstart.collector.identity.shown import Shown
from headstart.words.roles import Role

# Certificates that are not parsed again; a fleet has fewer.
_REMEMBERED = 4096
SOCKET = "the socket"
PLAINTEXT = "anyone on this machine"
NOBODY = "nobody"


@dataclass(frozen=True)
class Caller:
    """Whoever made a call, and what it may be here."""

    name: str
    roles: frozenset[Role]
    # Where it calls from, in gRPC's words.
    peer: str
    # Of its certificate, in lower-case hexadecimal without leading zeros; empty: it has none.
    serial: str = ""
    # All names of the certificate.
    names: tuple[str, ...] = ()
    # As which hosts it may attend; None: as any.
    hosts: frozenset[str] | None = None
    # When its certificate expires, in Unix seconds; 0: never.
    expires: float = 0.0
    # Whether the collector's own authority made the certificate.
    own: bool = False
    # When its certificate begins to hold, in Unix seconds.
    begins: float = 0.0

    @property
    def role(self) -> str:
        """Its roles in words; "none" without one."""
        return "+".join(role for role in Role if role in self.roles) or "none"

    def __str__(self) -> str:
        return f"{self.name} ({self.peer})"


class WhoCalls:
    """Tells the caller of a call; use from one event loop.

    `own_authorities` are the certificates, in PEM, of which the collector has the key.
    """

    def __init__(
        self,
        roles: RolesFile | None = None,
        plaintext: bool = False,
        own_authorities: Callable[[], Sequence[bytes]] = tuple,
    ) -> None:
        self.roles_file = roles
        self._plaintext = plaintext
        self._own_authorities = own_authorities
        self._own: tuple[bytes, ...] = ()
        self._parsed: OrderedDict[bytes, Shown | None] = OrderedDict()

    def __call__(self, context: Any) -> Caller:
        """By what gRPC says of the connection; a caller without any role is one too."""
        peer = unquote(context.peer()).rstrip(":")
        if peer.startswith("unix"):
            return Caller(SOCKET, frozenset(Role), peer)
        said = context.auth_context()
        if said.get("transport_security_type") != [b"ssl"]:
            return Caller(PLAINTEXT, frozenset(Role if self._plaintext else ()), peer)
        (pem,) = said.get("x509_pem_cert") or (b"",)
        shown = self._shown(pem) if pem else None
        if shown is None:
            return Caller(NOBODY, frozenset(), peer)
        return self._of_certificate(shown, peer)

    def again(self, caller: Caller) -> Caller:
        """The same as of now, for a call that goes on while the roles file changes."""
        if caller.own or not caller.serial:
            return caller
        return self._of_certificate(
            Shown(caller.serial, caller.names, caller.begins, caller.expires, None), caller.peer
        )

    def _of_certificate(self, shown: Shown, peer: str) -> Caller:
        if shown.identity is not None:
            name, role = shown.identity.name, shown.identity.role
            hosts = frozenset({name} if role is Role.AGENT else ())
            return Caller(
                *(name, frozenset({role}), peer, shown.serial),
                *(shown.names, hosts, shown.expires),
                own=True,
                begins=shown.begins,
            )
        roles = frozenset({Role.AGENT})
        if self.roles_file is not None:
            roles = self.roles_file.roles_of(shown.names)
        name = shown.names[0] if shown.names else f"serial {shown.serial}"
        return Caller(
            *(name, roles, peer, shown.serial),
            *(shown.names, frozenset(shown.names), shown.expires),
        )

    def _shown(self, pem: bytes) -> Shown | None:
        if (own := tuple(self._own_authorities())) != self._own:
            self._own = own
            self._parsed.clear()
        if pem not in self._parsed:
            if len(self._parsed) >= _REMEMBERED:
                self._parsed.popitem(last=False)
            # Late: on a socket nobody shows one, and `headstart run` starts sooner without.
            from headstart.collector.identity.certificate_reading import read_certificate

            self._parsed[pem] = read_certificate(pem, own)
        self._parsed.move_to_end(pem)
        return self._parsed[pem]
