"""How long a run takes, before it begins and while it goes on."""

import pytest

from headstart.agent.plan.forecast import TimeLeft, assumptions, forecast, trial_seconds
from headstart.v1.experiment_pb2 import (
    BatchJob,
    Build,
    Check,
    Command,
    CommandCheck,
    Companion,
    CompanionLife,
    Experiment,
    Load,
    LogCheck,
    Plan,
    Service,
    Variant,
)


def planned(**plan: float) -> Experiment:
    values = {"blocks": 6, "load_every": 2, "idle_seconds": 5, "settle_seconds": 3}
    return Experiment(
        variants=[Variant(name="jit", image="a"), Variant(name="aot", image="b")],
        service=Service(port=9000),
        load=Load(duration_seconds=60),
        plan=Plan(**(values | plan)),  # type: ignore[arg-type]  # names are checked by protobuf
    )


def test_a_fixed_plan_takes_its_phases_and_what_is_around_them() -> None:
    found = forecast(planned())

    # Two variants: three blocks of 63 s of phases, three of 5 s.
    assert 2 * 3 * (63 + 5) < found.likely < 2 * 3 * (63 + 5) + 12 * 4
    assert found.least == found.likely == found.most
    assert not found.is_open


def test_a_run_that_ends_when_decided_has_bounds() -> None:
    found = forecast(planned(blocks=0, maximum_blocks=30))

    assert found.blocks == (10, 15, 30)
    assert found.least < found.likely < found.most
    assert found.most == pytest.approx(3 * found.least)


def test_the_time_of_the_plan_is_a_bound_too() -> None:
    longest = forecast(planned(blocks=0, maximum_blocks=30, maximum_seconds=600)).most

    assert 600 < longest < 600 + 2 * 70


def test_what_nobody_can_know_is_named() -> None:
    experiment = planned(memory_floor=True)
    experiment.service.checks.append(Check(command=CommandCheck(argv=["./test.sh"])))
    experiment.jobs.append(BatchJob(name="long", repeat=1))
    experiment.variants[0].build.CopyFrom(Build())

    assert assumptions(experiment) == [
        "each start takes 1 s",
        "a long job 20 s",
        "each command that checks 1 s",
        "a memory floor 12 probes",
        "builds are not in it",
    ]


def test_what_stands_beside_the_app_takes_its_time_in_each_trial_that_it_is_made_for() -> None:
    plain, fresh, kept = planned(), planned(), planned()
    fresh.beside.append(Companion(name="db"))
    kept.beside.append(Companion(name="db", life=CompanionLife.COMPANION_LIFE_RUN))

    assert forecast(fresh).likely == pytest.approx(forecast(plain).likely + 12 * 2)
    assert forecast(kept).likely == forecast(plain).likely
    assert "each service of `beside` 2 s" in assumptions(fresh)
    assert assumptions(kept) == assumptions(plain)


def test_what_comes_after_the_blocks_counts() -> None:
    plain = forecast(planned()).likely
    floors = forecast(planned(memory_floor=True, memory_floor_load_seconds=3)).likely
    cut = forecast(planned(memory_floor=True, memory_floor_maximum_seconds=10)).likely

    assert forecast(planned(runtime_counters=True)).likely > plain + 2 * 60
    assert floors > plain + 2 * 12 * 3
    assert cut == pytest.approx(plain + 2 * 10)


def test_a_batch_program_takes_its_jobs() -> None:
    experiment = Experiment(
        variants=[Variant(name=name, command=Command(argv=[name])) for name in ("jar", "native")],
        service=Service(),
        jobs=[BatchJob(name="short", repeat=3), BatchJob(name="long", repeat=1)],
        plan=Plan(blocks=3),
    )

    assert trial_seconds(experiment, True, False) > 3 * 2 + 20
    assert forecast(experiment).likely > 3 * 2 * 26


def test_a_worker_takes_its_rest_and_no_job() -> None:
    worker = Experiment(
        variants=[Variant(name=name, command=Command(argv=[name])) for name in ("jit", "aot")],
        service=Service(ready=Check(log=LogCheck(pattern="ready"))),
        plan=Plan(blocks=3, idle_seconds=7),
    )

    assert 7 < trial_seconds(worker, True, False) < 10


def test_time_left_is_corrected_by_what_trials_took() -> None:
    left = TimeLeft(planned(quiet_seconds=0))
    share, at_first = left.share_and_left(1, 0, 2)

    assert share == 0
    assert at_first == pytest.approx(forecast(planned(quiet_seconds=0)).likely)

    # Twenty seconds longer than planned each, so that the others are believed to be too.
    for _ in range(2):
        left.trial_took(True, trial_seconds(left.experiment, False, True) + 20)
    share, later = left.share_and_left(1, 2, 2)

    planned_rest = at_first - 2 * trial_seconds(left.experiment, False, True)
    assert later == pytest.approx(planned_rest + 10 * 20)
    assert 0 < share < 1
    left.trial_took(False, 1.0)
    assert left.share_and_left(2, 1, 2)[1] == pytest.approx(1 + 4 * left._trial(True) + 4 * 1)


def test_a_run_without_a_fixed_end_counts_to_its_next_look() -> None:
    left = TimeLeft(planned(blocks=0, maximum_blocks=30))

    assert left.share_and_left(1, 0, 2)[1] == pytest.approx(forecast(left.experiment).least)
    assert left.share_and_left(10, 2, 2)[1] == 0
    assert left.share_and_left(11, 0, 2)[1] > 0


def test_no_block_is_counted_that_begins_behind_the_plans_time() -> None:
    left = TimeLeft(planned(blocks=20, maximum_seconds=40))
    for _ in range(4):
        left.trial_took(True, 5.0)
        left.trial_took(False, 5.0)

    assert left.share_and_left(4, 2, 2) == (1.0, 0.0)


def test_nothing_left_is_all_done() -> None:
    left = TimeLeft(planned())
    for block in range(6):
        left.trial_took(block % 2 == 0, 10.0)

    assert left.share_and_left(6, 2, 2) == (1.0, 0.0)
