"""Whose certificates are refused, and who was seen, in the store."""

from dataclasses import replace
from typing import Any

from sqlalchemy import insert, select

from headstart.collector.store import revocations
from headstart.collector.store.identity_tables import certificates, tokens
from headstart.collector.store.revocations import Revocation, Seen
from support.attending import in_loop
from support.stores import Stores


def issued(serial: str, name: str) -> dict[str, Any]:
    return {
        "serial": serial,
        "role": "agent",
        "name": name,
        "issued_seconds": 1.0,
        "expires_seconds": 9.0,
        "token_id": "",
        "renewed_from": "",
        "revoked_at": None,
        "key_hash": b"",
        "certificate": b"",
    }


def token(token_id: str, name: str) -> dict[str, Any]:
    return {
        "token_id": token_id,
        "secret_hash": b"",
        "role": "agent",
        "name": name,
        "uses": 1,
        "uses_left": 1,
        "made_by": "the socket",
        "made_seconds": 1.0,
        "expires_seconds": 9.0,
        "revoked_seconds": 0.0,
    }


@in_loop
async def test_a_name_takes_the_certificates_and_tokens_that_there_are(stores: Stores) -> None:
    async with stores.open() as store:
        await store.write(
            lambda c: c.execute(insert(certificates), [issued("a1", "h1"), issued("b2", "h2")])
        )
        await store.write(lambda c: c.execute(insert(tokens), [token("t1", "h1"), token("t2", "")]))
        assert await store.read(lambda c: revocations.serials_of(c, "h1")) == ["a1"]
        gone = [
            Revocation("a1", "h1", "stolen", "x", 5.0),
            Revocation("", "h1", "stolen", "x", 5.0),
        ]
        for _ in range(2):
            await store.write(lambda c: revocations.revoke(c, gone))

        assert set(await store.read(revocations.revocations)) == set(gone)
        revoked_at = select(certificates.c.serial, certificates.c.revoked_at)
        at = await store.read(lambda c: dict(c.execute(revoked_at).all()))
        assert at == {"a1": 5.0, "b2": None}
        ended = await store.read(
            lambda c: dict(c.execute(select(tokens.c.token_id, tokens.c.revoked_seconds)).all())
        )
        assert ended == {"t1": 5.0, "t2": 0.0}

        assert await store.write(lambda c: revocations.take_back(c, "h1", ["a1"])) == 2
        assert await store.read(revocations.revocations) == []
        assert await store.write(lambda c: revocations.take_back(c, "h1", ["a1"])) == 0


@in_loop
async def test_the_reason_of_a_name_is_the_last_that_was_said(stores: Stores) -> None:
    first = [Revocation("a1", "h1", "stolen", "x", 5.0), Revocation("", "h1", "stolen", "x", 5.0)]
    # Another certificate was given out meanwhile.
    again = [*first, Revocation("b2", "h1", "sold", "y", 7.0)]
    anew = [replace(each, reason="sold") for each in again]
    async with stores.open() as store:
        assert await store.read(lambda c: revocations.reason_of(c, "h1")) == ""
        await store.write(lambda c: revocations.revoke(c, first))
        assert await store.read(lambda c: revocations.reason_of(c, "h1")) == "stolen"
        await store.write(lambda c: revocations.revoke(c, again))
        assert set(await store.read(revocations.revocations)) == set(again)
        await store.write(lambda c: revocations.revoke(c, anew, is_reason_new=True))

        assert await store.read(lambda c: revocations.reason_of(c, "h1")) == "sold"
        # Who did it first, and when, is still known.
        assert set(await store.read(revocations.revocations)) == set(anew)


@in_loop
async def test_who_was_seen_is_bounded_and_keeps_the_first_time(
    stores: Stores,
) -> None:
    async with stores.open() as store:
        many = [Seen(f"{n:x}", f"n{n}", "agent", False, 9.0, n, n) for n in range(10_050)]
        await store.write(lambda c: revocations.note_seen(c, many))
        again = Seen(many[-1].serial, many[-1].name, "operator", False, 9.0, 99_999.0, 99_999.0)
        await store.write(lambda c: revocations.note_seen(c, [again]))

        kept = {each.name: each for each in await store.read(revocations.seen)}
        assert len(kept) == 10_000
        assert "n49" not in kept
        last = kept["n10049"]
        assert (last.role, last.first_seen_seconds, last.last_seen_seconds) == (
            "operator",
            10_049.0,
            99_999.0,
        )
