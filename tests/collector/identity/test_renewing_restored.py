"""Certificates that were given after the backup of which a collector was made."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from headstart.agent.uplink.enrolled import Enrolled
from headstart.agent.uplink.renewal import NotRenewed, renew
from headstart.collector.identity.presented import serial_of
from headstart.collector.store import backups, restoring
from headstart.v1.access_pb2 import (
    ListAuditRequest,
    ListIdentitiesRequest,
    RevokeRequest,
)
from headstart.v1.access_pb2_grpc import AccessServiceStub
from support.attending import in_loop
from support.enrolling import Fleet, fleet


@dataclass
class Restored:
    """A collector made of a backup, and who was let in after that was made."""

    here: Fleet
    late: Enrolled

    async def renewed(self) -> Enrolled:
        host = self.late.collector.rpartition(":")[0]
        return await asyncio.to_thread(renew, self.late, f"{host}:{self.here.collector.port}")

    @asynccontextmanager
    async def access(self) -> AsyncIterator[Any]:
        async with grpc.aio.insecure_channel(self.here.collector.addresses[0]) as channel:
            yield AccessServiceStub(channel)


@asynccontextmanager
async def restored(folder: Path, change: str = "") -> AsyncIterator[Restored]:
    """`change` is made to the store before it is started."""
    async with fleet(folder / "old") as old:
        await asyncio.to_thread(backups.make, old.data, folder / "backup")
        late = await old.enrolled(folder / "bench", name="bench-1")
    (folder / "new").mkdir()
    restoring.restore(folder / "backup", folder / "new" / "data")
    async with fleet(folder / "new") as new:
        if change:
            await new.collector._store.write(lambda c: c.exec_driver_sql(change))
        yield Restored(new, late)


@in_loop
async def test_one_that_was_given_after_the_backup_is_taken_up_and_the_audit_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with restored(tmp_path) as again:
        after = await again.renewed()
        async with again.access() as stub:
            entries = (await stub.ListAudit(ListAuditRequest())).entries
            known = (await stub.ListIdentities(ListIdentitiesRequest())).identities

    assert after.identity == again.late.identity
    taken_up = [each for each in entries if each.action == "take up"]
    assert [(each.who, each.detail) for each in taken_up] == [("bench-1", "given after the backup")]
    assert len({each.serial for each in known if each.name == "bench-1"}) == 2
    assert "what was revoked between the two holds again" in caplog.text


@in_loop
async def test_a_name_that_is_revoked_anew_keeps_those_that_the_store_does_not_have_out(
    tmp_path: Path,
) -> None:
    async with restored(tmp_path, "UPDATE restores SET restored_seconds = 4e9") as again:
        # So long ago that what is given earlier is told from what is given later.
        begun = "INSERT INTO revoked VALUES ('', 'bench-1', 'stolen', 'a test', 3e9)"
        await again.here.collector._store.write(lambda c: c.exec_driver_sql(begun))
        await again.here.collector._revoked.load()
        with pytest.raises(NotRenewed, match="was revoked: stolen"):
            await again.renewed()


@in_loop
async def test_its_serial_number_can_be_revoked_though_the_store_does_not_have_it(
    tmp_path: Path,
) -> None:
    async with restored(tmp_path) as again:
        serial = serial_of(again.late.file.read_bytes())
        async with again.access() as stub:
            await stub.Revoke(RevokeRequest(serial=serial))
        with pytest.raises(NotRenewed, match="was revoked"):
            await again.renewed()


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM restores",
        "UPDATE restores SET made_seconds = made_seconds + 1e5, restored_seconds = 4e9",
        "UPDATE restores SET made_seconds = 1.0, restored_seconds = 2.0",
    ],
)
@in_loop
async def test_what_is_missing_for_another_reason_is_not_taken_up(
    tmp_path: Path, change: str
) -> None:
    async with restored(tmp_path, change) as again:
        with pytest.raises(NotRenewed, match="has no record of certificate"):
            await again.renewed()
