"""Work that outlives whoever asked for it."""

import asyncio

import pytest

from headstart.collector.store.writer import StoreFault
from headstart.collector.tasks import Tasks
from support.attending import in_loop


@in_loop
async def test_work_goes_on_when_who_asked_for_it_is_cancelled() -> None:
    tasks, begun, release = Tasks(), asyncio.Event(), asyncio.Event()
    done: list[str] = []

    async def work() -> None:
        begun.set()
        await release.wait()
        done.append("what follows the commit")

    asking = asyncio.create_task(tasks.through(work(), "work"))
    await begun.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    release.set()
    await tasks.idle()

    assert done == ["what follows the commit"]


@in_loop
async def test_a_fault_reaches_who_asked_and_else_the_log(caplog: pytest.LogCaptureFixture) -> None:
    tasks, begun, release = Tasks(), asyncio.Event(), asyncio.Event()

    async def breaks() -> None:
        begun.set()
        await release.wait()
        raise KeyError("broken")

    asking = asyncio.create_task(tasks.through(breaks(), "the work"))
    await begun.wait()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    release.set()
    await tasks.idle()
    logged = caplog.text
    caplog.clear()
    with pytest.raises(KeyError, match="broken"):
        await tasks.through(breaks(), "the work")

    assert "the work failed" in logged
    assert caplog.text == ""


@in_loop
async def test_a_store_that_takes_nothing_is_a_line_of_the_log_without_a_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Such as an offer after a submission that was answered: the next tick makes it again."""
    tasks = Tasks()

    async def breaks() -> None:
        raise StoreFault("the store cannot write: the disk is full")

    tasks.start(breaks(), "an offer")
    await tasks.idle()

    (record,) = caplog.records
    assert record.getMessage() == "an offer failed: the store cannot write: the disk is full"
    assert record.exc_info is None
