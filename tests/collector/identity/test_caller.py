"""Who a certificate makes somebody, above all where two authorities are trusted."""

import datetime
import ssl
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from headstart.collector.identity.caller import WhoCalls
from headstart.collector.identity.roles_file import RolesFile
from headstart.words.roles import Role
from support.certificates import Authority, roles_file


@dataclass
class Call:
    """What gRPC says of a connection."""

    said: dict[str, list[bytes]] = field(default_factory=dict)
    address: str = "ipv4:10.0.0.7:4711"

    def peer(self) -> str:
        return self.address

    def auth_context(self) -> dict[str, list[bytes]]:
        return self.said


def showing(pem: bytes) -> Call:
    return Call({"transport_security_type": [b"ssl"], "x509_pem_cert": [pem]})


def issued(authority: Authority, uri: str) -> bytes:
    return authority.issue("somebody", kind="URI", value=uri).certificate.read_bytes()


@pytest.mark.parametrize("role", list(Role))
def test_the_own_authority_says_role_and_name(tmp_path: Path, role: Role) -> None:
    own = Authority(tmp_path)
    who = WhoCalls(own_authorities=lambda: (own.certificate.read_bytes(),))

    caller = who(showing(issued(own, f"headstart://{role}/bench-1")))

    assert (caller.name, caller.roles, caller.own) == ("bench-1", frozenset({role}), True)
    assert caller.hosts == frozenset({"bench-1"} if role is Role.AGENT else ())
    assert int(caller.serial, 16) > 0


def test_another_authority_that_writes_the_same_gives_no_role(tmp_path: Path) -> None:
    # Of the same name, so that the signature alone tells.
    own, foreign = Authority(tmp_path / "own"), Authority(tmp_path / "foreign")
    uri = "headstart://operator/eve"
    roles = RolesFile(roles_file(tmp_path, operator=["eve"], agent=[]))
    who = WhoCalls(roles, own_authorities=lambda: (own.certificate.read_bytes(),))

    caller = who(showing(issued(foreign, uri)))

    assert (caller.roles, caller.own, caller.names) == (frozenset(), False, (uri,))


def test_one_of_the_own_authority_that_says_nobody_is_nobodys(tmp_path: Path) -> None:
    own = Authority(tmp_path)
    who = WhoCalls(own_authorities=lambda: (own.certificate.read_bytes(),))

    caller = who(showing(own.issue("localhost").certificate.read_bytes()))

    assert (caller.roles, caller.serial) == (frozenset(), "")


def test_one_that_says_its_names_twice_is_nobodys(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "eve")])
    now = datetime.datetime.now(datetime.UTC)
    names = [b"\x30\x07\x82\x05alice", b"\x30\x05\x82\x03bob"]
    # Two kinds of one length, of which one is made the other afterwards.
    kinds = [x509.ObjectIdentifier("2.5.29.17"), x509.ObjectIdentifier("2.5.29.99")]
    builder = x509.CertificateBuilder(who, who, key.public_key(), 7, now, now)
    for kind, value in zip(kinds, names, strict=True):
        builder = builder.add_extension(x509.UnrecognizedExtension(kind, value), critical=False)
    der = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    twice = der.replace(b"\x55\x1d\x63", b"\x55\x1d\x11")
    assert twice != der

    caller = WhoCalls()(showing(ssl.DER_cert_to_PEM_cert(twice).encode()))

    assert (caller.roles, caller.names) == (frozenset(), ())


@pytest.mark.parametrize(
    ("call", "roles"),
    [
        (Call(address="unix:"), set(Role)),
        (Call(), set()),
        (Call({"transport_security_type": [b"ssl"]}), set()),
        (showing(b"-----BEGIN nothing"), set()),
    ],
)
def test_who_shows_no_certificate_has_what_the_door_gives(call: Call, roles: set[Role]) -> None:
    assert WhoCalls()(call).roles == roles


def test_plaintext_that_was_asked_for_is_for_everybody() -> None:
    assert WhoCalls(plaintext=True)(Call()).roles == set(Role)
    assert WhoCalls(plaintext=True)(Call({"transport_security_type": [b"ssl"]})).roles == set()
