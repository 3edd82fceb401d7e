"""Attempts of a store that is set back again and again to the same state."""

import shutil
from itertools import pairwise
from pathlib import Path

from headstart.collector.store import hello as hellos, leasing, submitting
from headstart.collector.store.queue import Wish
from headstart.collector.store.store import Store
from headstart.v1.experiment_pb2 import Experiment
from headstart.v1.fleet_pb2 import Attempt, Hello
from headstart.v1.host_pb2 import HostFacts
from support.attending import in_loop


async def greeted(store: Store, *running: Attempt, host: str = "h1") -> hellos.Greeted:
    """By the agent of a host, which has these."""
    hello = Hello(stream_id=f"s-{host}", host=HostFacts(host=host), running=running)
    return await store.write(lambda c: hellos.greet(c, hello, 1.0))


async def leased(store: Store, host: str = "h1") -> Attempt:
    found = await store.write(lambda c: leasing.lease_next(c, host, 1.0, f"s-{host}"))
    assert found is not None
    return Attempt(run_id=found.run_id, attempt=found.attempt)


@in_loop
async def test_no_attempt_is_given_out_twice_by_a_state_that_comes_back_twice(
    tmp_path: Path,
) -> None:
    """As with snapshots of a machine: nothing tells the store that it was set back."""
    data, copy = tmp_path / "data", tmp_path / "copy"
    async with Store(data) as store:
        await greeted(store)
        (run_id,) = await store.write(lambda c: submitting.submit(c, Experiment(), ["h1"], 1.0))
        # The state that comes back has had its attempts drawn anew.
        await greeted(store, Attempt(run_id=run_id, attempt=1))
    shutil.copytree(data, copy)

    has: list[Attempt] = []
    for _ in range(4):
        shutil.rmtree(data)
        shutil.copytree(copy, data)
        async with Store(data) as store:
            await greeted(store, *has[-1:])
            has.append(await leased(store))

    assert len({each.attempt for each in has}) == 4
    assert all(before.attempt < after.attempt for before, after in pairwise(has))


@in_loop
async def test_the_attempt_that_any_of_several_hosts_has_is_not_given_out_again(
    tmp_path: Path,
) -> None:
    """Its agent has it of a later state, whichever of the hosts the run waits for first."""
    async with Store(tmp_path) as store:
        for host in ("h1", "h2"):
            await greeted(store, host=host)
        wish = Wish(candidates=("h1", "h2"))
        (run_id,) = await store.write(
            lambda c: submitting.submit(c, Experiment(), ["h1"], 1.0, wish)
        )
        told = await greeted(store, Attempt(run_id=run_id, attempt=1), host="h2")
        again = await leased(store, "h2")

    assert told.set_back
    assert again.run_id == run_id
    assert again.attempt > 1
