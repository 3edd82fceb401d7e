"""`FleetService.Attend` over a real channel and a real store."""

from pathlib import Path

from headstart.v1.experiments_pb2 import RunState
from support.attending import attend, collecting, ending, envelope, in_loop, run_of, submit


@in_loop
async def test_a_submitted_run_is_leased_recorded_and_done(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, attend(collector.port) as agent:
        (run_id,) = await submit(collector.port)
        lease = await agent.until("lease")

        assert lease.attempt.run_id == run_id
        assert lease.attempt.attempt == 1
        assert lease.experiment.name == "players"
        assert (await run_of(collector.port, run_id)).state == RunState.RUN_STATE_LEASED

        await agent.send(envelope(1, run_id), envelope(2, run_id), ending(3, run_id))

        assert await agent.acked(3) == 3
        assert (await run_of(collector.port, run_id)).state == RunState.RUN_STATE_DONE
