"""Which hosts a submission is given to, and of what its submitter is warned."""

import pytest

from headstart.collector.api.placing import Placed, placed
from headstart.collector.fleet.allowed import Lacking, refused_by
from headstart.v1.experiment_pb2 import Command, Experiment, Plan, Variant
from headstart.v1.experiments_pb2 import HostState
from headstart.v1.host_pb2 import HostFacts, Policy

IMAGE = Variant(name="as-image", image="players:1")
COMMAND = Variant(name="as-command", command=Command(argv=["/srv/players"]))


def experiment(baseline: Variant = IMAGE, *, keep_going: bool = True) -> Experiment:
    return Experiment(
        baseline=baseline.name, variants=[IMAGE, COMMAND], plan=Plan(keep_going=keep_going)
    )


IMAGES, COMMANDS = Policy(images=["players:*"]), Policy(commands=True)
BOTH, NONE = Policy(images=["players:*"], commands=True), Policy()


@pytest.mark.parametrize(
    ("policy", "asked", "lacking"),
    [
        (BOTH, experiment(), Lacking()),
        (
            IMAGES,
            experiment(),
            Lacking(
                "its policy allows no commands; as it is, the run there leaves out as-command", True
            ),
        ),
        (
            COMMANDS,
            experiment(),
            Lacking(
                "its policy allows no images, and the baseline is one; as it is, nothing can be "
                "compared there"
            ),
        ),
        (
            IMAGES,
            experiment(keep_going=False),
            Lacking("its policy allows no commands; as it is, the run fails there"),
        ),
        (
            NONE,
            experiment(),
            Lacking("its policy allows no images and no commands; as it is, the run fails there"),
        ),
    ],
)
def test_what_a_policy_refuses_is_told_with_what_follows(
    policy: Policy, asked: Experiment, lacking: Lacking
) -> None:
    assert refused_by(policy, asked) == lacking


def on_any(policies: dict[str, Policy], busy: str = "", away: str = "") -> Placed:
    """An experiment that goes on, on any of these hosts, of which one has a run, or is away."""
    known = [
        HostState(host=HostFacts(host=name), connected=name != away, queued_runs=int(name == busy))
        for name in policies
    ]
    return placed(
        [*policies],
        known,
        # Of one that is away nothing is known.
        lambda name: refused_by(policies[name], experiment()) if name != away else Lacking(),
        0.0,
        any_host=True,
    )


def test_any_host_is_one_that_refuses_nothing_even_where_another_is_free() -> None:
    assert on_any({"h1": IMAGES, "h2": BOTH}, busy="h2") == Placed(["h2"], [], [])


def test_any_host_leaves_variants_out_where_all_of_them_do_and_says_so() -> None:
    found = on_any({"h1": COMMANDS, "h2": IMAGES, "h3": NONE})

    assert (found.hosts, found.candidates) == (["h2"], [])
    assert found.warnings == [
        "h2: its policy allows no commands; as it is, the run there leaves out as-command"
    ]


def test_a_host_that_leaves_variants_out_may_take_what_waits_for_one_that_is_away() -> None:
    found = on_any({"h1": BOTH, "h2": IMAGES}, away="h1")

    assert (found.hosts, found.candidates) == (["h2"], ["h1", "h2"])
    assert found.warnings[0].startswith("h1 is not connected")
    assert found.warnings[1].endswith("the run there leaves out as-command")
