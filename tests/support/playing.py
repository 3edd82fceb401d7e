"""A test's agent that delivers a made-up run."""

from support.attending import Attending, as_sent, envelope
from support.fake_runs import Fake


async def play(agent: Attending, fake: Fake, host: str) -> str:
    """Deliver a made-up run for the next lease."""
    run_id = str((await agent.until("lease")).attempt.run_id)
    records = list(fake.records())
    for sequence, record in enumerate(records, 1):
        await agent.send(envelope(sequence, run_id, record=as_sent(record, host)))
    await agent.acked(len(records))
    return run_id
