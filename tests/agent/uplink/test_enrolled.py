"""The identity in a folder: whole or not at all, whoever is killed, and whatever is given."""

import fcntl
from pathlib import Path

import pytest

from headstart.agent.uplink.enrolled import Enrolled, enrolled_in, keep
from headstart.cli.enrolling import new_key
from headstart.collector.identity.authority import Authority
from headstart.collector.identity.presented import requested_key
from headstart.words.foreign.certificates import CertificateProblem
from headstart.words.private_files import KeyExposed
from headstart.words.roles import Identity, Role
from support.enrolling import request_of

NOW = 1_800_000_000.0
BENCH = Identity(Role.AGENT, "bench-1")


def issued(authority: Authority, key: bytes, identity: Identity = BENCH) -> bytes:
    return authority.issue(requested_key(request_of(key)), identity, 1000.0).pem


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority", lambda: NOW)


@pytest.fixture
def bench(tmp_path: Path, authority: Authority) -> Enrolled:
    key = new_key()
    given = issued(authority, key)
    return keep(tmp_path / "bench", "c.example:7070", authority.pem, key, given, BENCH)


def test_what_is_kept_is_found(bench: Enrolled, authority: Authority) -> None:
    found = enrolled_in(bench.folder)

    assert found == bench
    assert found.collector == "c.example:7070"
    assert found.authority.read_bytes() == authority.pem
    # It begins a little earlier than it was made.
    assert (found.holds.begins, found.holds.ends) == (NOW - 100, NOW + 1000)
    assert found.renewal_time == NOW + 450
    assert requested_key(found.request())
    assert enrolled_in(bench.folder.parent) is None


def test_a_certificate_of_somebody_else_leaves_the_one_there(
    bench: Enrolled, authority: Authority
) -> None:
    before = bench.file.read_bytes()
    other = Identity(Role.OPERATOR, "bench-1")
    for wrong, why in (
        (issued(authority, before, other), "for headstart://operator/bench-1, not headstart://age"),
        (issued(authority, new_key()), "is not the key of"),
        (b"", "gave no certificate"),
        (issued(authority, before) * 2, "gave no certificate"),
        (before, "gave no certificate"),
        (b"x" * 100_000, "gave no certificate"),
    ):
        with pytest.raises(CertificateProblem, match=why):
            bench.renewed(wrong)

    assert bench.file.read_bytes() == before
    assert {each.name for each in bench.folder.iterdir()} == {
        "identity.pem",
        "lock",
        bench.authority.name,
    }


def test_a_certificate_that_does_not_hold_yet_leaves_the_one_there(
    bench: Enrolled, authority: Authority
) -> None:
    before = bench.file.read_bytes()
    # It begins 100 s before the collector's clock.
    given = issued(authority, before)

    with pytest.raises(CertificateProblem, match=r"does not hold before 2027-.* is its clock"):
        bench.renewed(given, NOW - 101)
    assert bench.file.read_bytes() == before

    assert bench.renewed(given, NOW - 99).holds.begins == NOW - 100


def test_another_collector_leaves_nothing_of_the_one_before(
    bench: Enrolled, tmp_path: Path
) -> None:
    # Somebody was killed while he wrote.
    (bench.folder / ".identity.pem.0123abcd").write_bytes(b"half of a key")
    other = Authority(tmp_path / "other", lambda: NOW)
    key = new_key()
    found = keep(bench.folder, "d.example:7070", other.pem, key, issued(other, key), BENCH)

    assert enrolled_in(bench.folder) == found
    assert {each.name for each in bench.folder.iterdir()} == {
        "identity.pem",
        "lock",
        found.authority.name,
    }
    assert found.authority != bench.authority


def test_two_do_not_write_at_once(bench: Enrolled, authority: Authority) -> None:
    given = issued(authority, bench.file.read_bytes())
    with (bench.folder / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError):
            bench.renewed(given)
    assert bench.renewed(given).identity == BENCH


def test_what_cannot_be_used_is_told(bench: Enrolled) -> None:
    content = bench.file.read_text()
    bench.file.write_text(content.replace("collector: c.example:7070", "collector: nowhere"))
    with pytest.raises(CertificateProblem, match="is not what `headstart enroll` writes"):
        enrolled_in(bench.folder)
    bench.file.write_text(content.replace("authority: auth", "authority: ../auth"))
    with pytest.raises(CertificateProblem, match="is not what `headstart enroll` writes"):
        enrolled_in(bench.folder)
    bench.file.write_text(content)
    bench.file.chmod(0o644)
    with pytest.raises(KeyExposed, match="others can read this private key"):
        enrolled_in(bench.folder)
