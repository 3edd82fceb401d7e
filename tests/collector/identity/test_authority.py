"""The collector's own authority: made once, and what its certificates say."""

import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from headstart.collector.config import CollectorConfig, IdentitySettings
from headstart.collector.faults import StartFault
from headstart.collector.identity.authority import Authority
from headstart.collector.identity.own_identity import OwnIdentity
from headstart.words.roles import Identity, Role

DAY = 86400.0
NOW = 1_800_000_000.0


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def names_of(certificate: x509.Certificate) -> set[str]:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in names}


def usages(certificate: x509.Certificate) -> list[x509.ObjectIdentifier]:
    return list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)


def own_identity(tmp_path: Path, clock: Clock, **settings: object) -> OwnIdentity:
    config = CollectorConfig(
        data=tmp_path,
        listen=("unix:/run/x", "192.0.2.1:7070"),
        identity=IdentitySettings(**settings),  # type: ignore[arg-type]  # of a test
    )
    return OwnIdentity(config, clock)


def shown(tmp_path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((tmp_path / "identity" / "server.pem").read_bytes())


def test_it_is_made_once_and_private(tmp_path: Path) -> None:
    first = Authority(tmp_path / "identity", lambda: NOW)
    again = Authority(tmp_path / "identity", lambda: NOW + DAY)

    assert again.pem == first.pem
    assert first.certificate.not_valid_after_utc.timestamp() == NOW + 3650 * DAY
    assert stat.S_IMODE((tmp_path / "identity" / "authority.key").stat().st_mode) == 0o600
    assert Authority(tmp_path / "other", lambda: NOW).certificate.subject != (
        first.certificate.subject
    )


def test_one_that_was_killed_half_way_is_finished(tmp_path: Path) -> None:
    first = Authority(tmp_path, lambda: NOW)
    first.file.unlink()
    (tmp_path / ".authority.pem.0123").write_text("half")

    assert Authority(tmp_path, lambda: NOW).certificate.public_key() == (
        first.certificate.public_key()
    )
    assert {each.name for each in tmp_path.iterdir()} == {"authority.key", "authority.pem"}


def test_a_lost_key_is_told_and_not_replaced(tmp_path: Path) -> None:
    Authority(tmp_path, lambda: NOW)
    (tmp_path / "authority.key").unlink()

    with pytest.raises(StartFault, match=r"authority.key is missing.*from a backup"):
        Authority(tmp_path, lambda: NOW)
    assert not (tmp_path / "authority.key").exists()


@pytest.mark.parametrize("off_seconds", [-30 * DAY, 4000 * DAY])
def test_one_that_does_not_hold_by_the_clock_is_said_at_the_start(
    tmp_path: Path, off_seconds: float
) -> None:
    Authority(tmp_path, lambda: NOW)

    with pytest.raises(StartFault, match=r"this machine's clock says 20.*Set the clock right"):
        Authority(tmp_path, lambda: NOW + off_seconds)


def test_a_key_that_others_can_read_or_of_another_is_refused(tmp_path: Path) -> None:
    Authority(tmp_path / "a", lambda: NOW)
    Authority(tmp_path / "b", lambda: NOW)
    key = tmp_path / "a" / "authority.key"
    key.write_bytes((tmp_path / "b" / "authority.key").read_bytes())
    with pytest.raises(StartFault, match="is not the key of"):
        Authority(tmp_path / "a", lambda: NOW)
    key.chmod(0o644)
    with pytest.raises(StartFault, match="others can read this private key"):
        Authority(tmp_path / "a", lambda: NOW)


def test_a_clients_certificate_says_who_and_what_for(tmp_path: Path) -> None:
    authority = Authority(tmp_path, lambda: NOW)
    key = ec.generate_private_key(ec.SECP256R1()).public_key()

    bench = authority.issue(key, Identity(Role.AGENT, "bench-1"), 7 * DAY)
    anna = authority.issue(key, Identity(Role.OPERATOR, "anna"), DAY)

    certificate = x509.load_pem_x509_certificate(bench.pem)
    assert names_of(certificate) == {"bench-1", "headstart://agent/bench-1"}
    assert usages(certificate) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert certificate.not_valid_after_utc.timestamp() == bench.expires_seconds == NOW + 7 * DAY
    assert bench.serial == f"{certificate.serial_number:x}"
    certificate.verify_directly_issued_by(authority.certificate)
    assert names_of(x509.load_pem_x509_certificate(anna.pem)) == {"headstart://operator/anna"}


def test_nothing_outlives_the_authority(tmp_path: Path) -> None:
    clock = Clock()
    authority = Authority(tmp_path, clock)
    clock.now = NOW + 3649 * DAY
    key = ec.generate_private_key(ec.SECP256R1()).public_key()

    issued = authority.issue(key, Identity(Role.READER, "a"), 7 * DAY)

    assert issued.expires_seconds == NOW + 3650 * DAY


def test_the_collectors_own_is_for_its_names_and_renewed_after_half_of_its_time(
    tmp_path: Path,
) -> None:
    clock = Clock()
    own = own_identity(tmp_path, clock, advertise=("collector.example:7171", "192.0.2.9"))
    first = shown(tmp_path)

    assert names_of(first) == {"collector.example", "192.0.2.9", "192.0.2.1"}
    assert usages(first) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert own.dialled() == "collector.example:7171"
    clock.now = NOW + 13 * DAY
    assert not own.refresh()
    clock.now = NOW + 16 * DAY
    assert own.refresh()
    assert shown(tmp_path).not_valid_after_utc.timestamp() == NOW + 46 * DAY
    assert shown(tmp_path).public_key() != first.public_key()


def test_other_names_or_a_broken_file_make_it_anew(tmp_path: Path) -> None:
    clock = Clock()
    own_identity(tmp_path, clock, advertise=("a.example",))
    first = shown(tmp_path)
    own_identity(tmp_path, clock, advertise=("a.example",))
    assert shown(tmp_path) == first

    own_identity(tmp_path, clock, advertise=("b.example",))
    assert "b.example" in names_of(shown(tmp_path))

    (tmp_path / "identity" / "server.pem").write_text("nonsense")
    own_identity(tmp_path, clock, advertise=("b.example",))
    assert "b.example" in names_of(shown(tmp_path))
