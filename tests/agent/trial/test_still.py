"""A phase in which the agent stood still is flagged, and only that one."""

import pytest

from headstart.agent.trial.still import Lateness, still_flags
from headstart.v1.records_pb2 import FlagEffect, Phase

STARTUP, IDLE = Phase.PHASE_STARTUP, Phase.PHASE_IDLE
LOAD, SETTLED = Phase.PHASE_LOAD, Phase.PHASE_SETTLED
SECOND = 1_000_000_000


def test_a_gap_between_samples_flags_its_phase() -> None:
    (flag,) = still_flags({STARTUP: 0.1, IDLE: 5.5}, {}, 0.02)

    assert (flag.code, flag.phase) == ("agent-stood-still", IDLE)
    assert flag.effect == FlagEffect.FLAG_EFFECT_PHASE_INVALID
    assert flag.text.startswith("the agent stood still for 5.5 s while the app was idle")
    assert (flag.value, flag.limit) == (5.5, 2.02)


def test_under_load_all_of_the_load_is_spoiled() -> None:
    (flag,) = still_flags({LOAD: 3.0}, {}, 0.02)

    assert flag.effect == FlagEffect.FLAG_EFFECT_LOAD_INVALID


@pytest.mark.parametrize(("interval", "count"), [(0.02, 1), (5.0, 0)])
def test_samples_that_were_planned_far_apart_are_no_gap(interval: float, count: int) -> None:
    assert len(list(still_flags({IDLE: 5.5}, {}, interval))) == count


def test_a_reading_that_came_late_flags_its_phase() -> None:
    late = Lateness()
    late.note(SETTLED, due_ns=10 * SECOND, came_ns=17 * SECOND)
    late.note(SETTLED, due_ns=20 * SECOND, came_ns=20 * SECOND)

    (flag,) = still_flags({SETTLED: 0.05}, late.seconds, 0.02)

    assert (flag.phase, flag.value) == (SETTLED, 7.0)


def test_an_agent_that_was_a_little_late_is_not_flagged() -> None:
    late = Lateness()
    late.note(IDLE, due_ns=0, came_ns=SECOND)

    assert not list(still_flags({IDLE: 1.9}, late.seconds, 0.02))
