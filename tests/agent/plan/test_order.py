"""The order of trials."""

from headstart.agent.plan.order import block_order, draw_seed, has_load
from headstart.v1.experiment_pb2 import Experiment, Load, Plan


def test_every_variant_runs_once_in_a_block() -> None:
    order = block_order(["a", "b", "c"], seed=7, block=3)

    assert sorted(order) == ["a", "b", "c"]


def test_the_same_seed_gives_the_same_order() -> None:
    variants = [f"v{n}" for n in range(8)]

    assert block_order(variants, 42, 5) == block_order(variants, 42, 5)
    assert block_order(variants, 42, 5) != block_order(variants, 43, 5)


def test_no_variant_always_goes_first() -> None:
    first = [block_order(["a", "b"], seed=1, block=block)[0] for block in range(1, 101)]

    assert 30 < first.count("a") < 70


def test_a_drawn_seed_is_never_the_wire_word_for_none() -> None:
    assert all(draw_seed() > 0 for _ in range(100))


def test_load_begins_in_the_first_block_and_recurs() -> None:
    experiment = Experiment(plan=Plan(load_every=2), load=Load(connections=1))

    assert [has_load(experiment, block) for block in (1, 2, 3, 4)] == [True, False, True, False]


def test_without_load_no_block_has_it() -> None:
    assert not has_load(Experiment(plan=Plan(load_every=1)), 1)
