"""Whether a run does another block: asked by its agent after every block."""

import logging
from collections.abc import Awaitable, Callable

from headstart.collector.findings.run_info import RunInfo
from headstart.collector.store import queries
from headstart.collector.store.store import Store
from headstart.v1.fleet_pb2 import BlockDecision, BlockFinished

log = logging.getLogger(__name__)

# Called with the number of blocks done; whether another follows, and why.
Decide = Callable[[RunInfo, int], Awaitable[tuple[bool, str]]]


async def answer(store: Store, decide: Decide, question: BlockFinished) -> BlockDecision:
    """Decide on what is durable; when `decide` breaks, the plan decides."""
    await store.flush()
    run_id = question.attempt.run_id
    info = await store.read(lambda c: queries.info(c, run_id))
    try:
        another, reason = await decide(info, question.blocks_done)
    except Exception as error:
        log.exception("run %s: whether block %d follows", run_id, question.blocks_done + 1)
        another, reason = info.another_by_plan(question.blocks_done)
        reason = f"{reason}; the decision failed: {error}"
    return BlockDecision(
        attempt=question.attempt,
        blocks_done=question.blocks_done,
        another=another,
        reason=reason,
    )
