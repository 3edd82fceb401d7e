"""What lets somebody in: a token and the request with it, a certificate, the file of roles."""

import tempfile
from pathlib import Path

from fuzz.target import Table, require
from headstart.collector.identity.certificate_reading import read_certificate
from headstart.collector.identity.endings import NotGiven
from headstart.collector.identity.presented import key_hash, requested_key
from headstart.collector.identity.roles_file import RolesFile, RolesFileError
from headstart.words.enrolment_token import MalformedToken, token_of
from headstart.words.roles import Role, identity_in

TABLE = Table()


@TABLE.add("whoever hands on a token", MalformedToken)
def enrolment_token(data: bytes) -> None:
    """What a token says, written again, says the same."""
    found = token_of(data.decode("utf-8", "replace"))
    require(token_of(found.text()) == found, "a token means something else when it is written")


@TABLE.add("whoever has a token", NotGiven)
def signing_request(data: bytes) -> None:
    require(len(key_hash(requested_key(data))) == 32, "a key without a hash")


@TABLE.add("whoever shows a certificate")
def certificate(data: bytes) -> None:
    shown = read_certificate(data, ())
    if shown is not None:
        require(shown.identity is None, "a role of no authority of ours")
        require(len(shown.names) <= 32, "too many names")
        require(all(0 < len(name) <= 253 for name in shown.names), "a name without bound")


@TABLE.add("whoever shows a certificate")
def identity_name(data: bytes) -> None:
    names = data.decode("utf-8", "replace").split("\n")
    if (found := identity_in(names)) is not None:
        require(str(found) in {name.removeprefix("URI:") for name in names}, "nobody said so")
        require(found.role in set(Role), "a role that there is not")


@TABLE.add("an operator, in a file of roles", RolesFileError)
def roles_file(data: bytes) -> None:
    text, _, names = data.partition(b"\n\n")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "roles.toml"
        path.write_bytes(text)
        file = RolesFile(path)
    found = file.roles_of(tuple(names.decode("utf-8", "replace").split("\n")[:32]))
    require(found <= set(Role), "a role that there is not")
