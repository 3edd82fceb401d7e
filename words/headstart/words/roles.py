"""Who somebody is by a certificate of the collector's own authority: a role and a name.

Both stand in one URI of the certificate's subject alternative names, `headstart://ROLE/NAME`.
Authorities of operators write none: who shows such a certificate has no role.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from headstart.words.foreign.host_names import EXPECTED as EXPECTED_NAME, is_host_name

_URI = re.compile(r"headstart://([a-z]+)/(\S+)", re.ASCII)

__all__ = ["EXPECTED_NAME", "Identity", "Role", "identity_in", "is_name"]


class Role(StrEnum):
    """What a certificate is for."""

    # A host that measures; its name is the host's.
    AGENT = "agent"
    # A person or a pipeline that submits, cancels, and lets others in.
    OPERATOR = "operator"
    # Whoever only looks.
    READER = "reader"


@dataclass(frozen=True)
class Identity:
    """A role and a name; `str` is the URI that says both."""

    role: Role
    name: str

    def __str__(self) -> str:
        return f"headstart://{self.role}/{self.name}"


def is_name(text: str) -> bool:
    """Whether a host, a person or a pipeline may be called so."""
    return is_host_name(text)


def identity_in(names: Iterable[str]) -> Identity | None:
    """Who the subject alternative names say; None: they say nobody, or more than one.

    Names may come with the kind before them, as OpenSSL has it: "URI:headstart://...".
    """
    found = set()
    for name in names:
        match = _URI.fullmatch(name.removeprefix("URI:"))
        if match is None:
            continue
        if match[1] not in set(Role) or not is_name(match[2]):
            return None
        found.add(Identity(Role(match[1]), match[2]))
    return found.pop() if len(found) == 1 else None
