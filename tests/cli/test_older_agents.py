"""An agent of an earlier release is shown as one, with what it cannot do."""

from pathlib import Path

from headstart.cli.host_words import host_facts, host_line
from headstart.v1.experiments_pb2 import HostState, ListHostsRequest
from headstart.words.features import FEATURE_NAMES
from support.attending import attend, collecting, experiments, hello, in_loop


async def told_of(folder: Path, *features: str) -> HostState:
    said = hello("perf1")
    said.features.extend(features)
    async with (
        collecting(folder) as collector,
        attend(collector.port, said),
        experiments(collector.port) as stub,
    ):
        found: HostState = (await stub.ListHosts(ListHostsRequest())).hosts[0]
    return found


@in_loop
async def test_an_older_agent_is_marked_and_what_it_lacks_is_named(tmp_path: Path) -> None:
    older = await told_of(tmp_path, *(name for name in FEATURE_NAMES if name != "beside"))
    facts = dict(host_facts(older))

    assert "an older agent" in host_line(older)
    assert facts["older agent"] == "cannot do beside: update it"


@in_loop
async def test_an_agent_of_this_release_or_a_later_one_is_not(tmp_path: Path) -> None:
    ours = await told_of(tmp_path, *FEATURE_NAMES, "of a later release")

    assert "older" not in host_line(ours)
    assert "older agent" not in dict(host_facts(ours))
