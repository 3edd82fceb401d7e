"""Every reason to doubt a load is found, and a sound load has none."""

from typing import Any

import pytest

from headstart.agent.load.validity import load_flags
from headstart.agent.load.windows import Tally, add_up, in_messages
from headstart.v1.records_pb2 import Flag, FlagEffect, LatencyBasis, LoadWindow

CONNECTIONS = 4
SECOND = 1_000_000
CLOSED = LatencyBasis.LATENCY_BASIS_SERVICE_TIME
OPEN = LatencyBasis.LATENCY_BASIS_INTENDED_SEND


def window(at: int, latencies: dict[int, int], **counts: int) -> LoadWindow:
    sent = counts.pop("sent", sum(latencies.values()))
    tally = Tally(sent, counts.get("incorrect", 0), counts.get("failed", 0), 0, latencies)
    return tally.window(at * SECOND, SECOND)


def full(at: int, **counts: int) -> LoadWindow:
    """A second in which four connections wait 1 ms for every answer."""
    return window(at, {1000: CONNECTIONS * 1000}, **counts)


def flags(
    windows: list[LoadWindow], basis: LatencyBasis.ValueType = CLOSED, **summary: Any
) -> dict[str, Flag]:
    total = add_up(windows, 0, basis)
    total.driver = "builtin"
    total.connections = CONNECTIONS
    total.generator_cores = 1
    total.driver_completed = total.completed
    for name, value in summary.items():
        setattr(total, name, value)
    return {flag.code: flag for flag in load_flags(total, in_messages(windows, 1, 0, basis))}


def test_a_sound_load_has_no_flag() -> None:
    assert flags([full(0), full(1), full(2)], generator_cpu_seconds=2.6) == {}


def test_a_load_that_never_began_has_no_flag() -> None:
    assert flags([]) == {}


@pytest.mark.parametrize(
    ("summary", "code"),
    [
        ({"generator_cpu_seconds": 1.9}, "generator-saturated"),
        ({"generator_run_delay_seconds": 0.11}, "generator-starved"),
        ({"driver_completed": 7999}, "sum-mismatch"),
        ({"completed": 7999}, "sum-mismatch"),
        ({"connections": 5}, "littles-law"),
    ],
)
def test_a_fault_of_the_generator_invalidates_the_load(summary: dict[str, Any], code: str) -> None:
    found = flags([full(0), full(1)], **summary)

    assert found[code].effect == FlagEffect.FLAG_EFFECT_LOAD_INVALID
    assert found[code].text


def test_a_generator_that_waited_for_a_core_now_and_then_is_noted() -> None:
    found = flags([full(0), full(1)], generator_run_delay_max_us=100_001)

    assert list(found) == ["generator-jitter"]
    assert found["generator-jitter"].effect == FlagEffect.FLAG_EFFECT_NOTE


def test_cores_of_the_generator_are_taken_together() -> None:
    assert flags([full(0), full(1)], generator_cpu_seconds=3.5, generator_cores=2) == {}


def test_saturation_is_judged_by_the_second_and_not_over_a_load_that_stalls() -> None:
    stalls = flags([full(0)], generator_cpu_seconds=0.5, seconds_seen=10, saturated_seconds=5)
    calm = flags([full(0)], generator_cpu_seconds=0.95, seconds_seen=10, saturated_seconds=1)

    assert "in 5 of 10 s" in stalls["generator-saturated"].text
    assert "generator-saturated" not in calm


def test_a_rate_by_a_driver_that_counts_from_the_send_is_no_broken_closed_loop() -> None:
    """One connection in four is idle: below capacity, as it should be."""
    idle = window(0, {1000: 3000})

    assert "littles-law" in flags([idle])
    assert flags([idle], rate_per_second=3000) == {}


@pytest.mark.parametrize(
    ("server", "load", "told"), [("0", "0", True), ("0-1", "1", True), ("0", "1", False)]
)
def test_app_and_load_on_one_cpu_are_told(server: str, load: str, told: bool) -> None:
    windows = [full(0)]
    summary = add_up(windows, 0, CLOSED)
    summary.connections, summary.generator_cpus = CONNECTIONS, load
    found = load_flags(summary, in_messages(windows, 1, 0, CLOSED), server)

    assert ("load-shares-cpus" in {flag.code for flag in found}) == told


def test_pauses_of_the_generator_itself_are_told_from_5_ms_on() -> None:
    short, long = full(0), full(1)
    short.own_pause_us, long.own_pause_us = 4_900, 12_000

    assert flags([short]) == {}
    assert "for up to 12 ms, in 1 of 2 windows" in flags([short, long])["generator-paused"].text


def test_a_number_of_wrong_answers_that_is_estimated_says_from_what() -> None:
    text = flags([full(0, incorrect=400)], bodies_checked=50, bodies_wrong=5)

    assert text["incorrect-responses"].text.startswith("5 of 50 judged were wrong, so that about")


def test_a_driver_that_was_killed_could_not_state_its_sum() -> None:
    assert flags([full(0)], driver_completed=0) == {}


@pytest.mark.parametrize(
    ("counts", "code"),
    [({"incorrect": 1}, "incorrect-responses"), ({"failed": 1}, "failed-requests")],
)
def test_one_answer_that_is_not_correct_invalidates_the_load(
    counts: dict[str, int], code: str
) -> None:
    found = flags([full(0), full(1, **counts)])

    assert list(found) == [code]
    assert found[code].effect == FlagEffect.FLAG_EFFECT_LOAD_INVALID


def test_connections_that_fell_silent_are_found_by_littles_law() -> None:
    half = {1000: CONNECTIONS * 500}

    found = flags([full(0), window(1, half), window(2, half)])

    assert list(found) == ["littles-law"]
    assert "2.7 requests were in flight on 4 connections" in found["littles-law"].text


def test_single_windows_in_which_connections_fell_silent_are_noted() -> None:
    half = {1000: CONNECTIONS * 500}
    others = [full(at) for at in range(1, 10)]

    found = flags([full(0), *others, window(10, half)])

    assert list(found) == ["littles-law-windows"]
    assert found["littles-law-windows"].value == 1
    assert found["littles-law-windows"].effect == FlagEffect.FLAG_EFFECT_NOTE


def test_a_server_that_stalls_over_several_windows_does_not_break_littles_law() -> None:
    stalled = window(4, {3_000_000: CONNECTIONS, 1000: CONNECTIONS * 1000})

    assert flags([full(0), window(1, {}), window(2, {}), window(3, {}), stalled]) == {}


def test_lateness_of_the_generator_invalidates_an_open_loop() -> None:
    found = flags([full(0)], OPEN, send_lateness_p99_us=10_001, offered=4000)

    assert found["send-lateness"].effect == FlagEffect.FLAG_EFFECT_LOAD_INVALID


def test_a_rate_that_was_not_held_is_noted() -> None:
    found = flags([full(0, sent=2000)], OPEN, offered=4000)

    assert list(found) == ["rate-not-held"]
    assert "only 50%" in found["rate-not-held"].text


def test_an_open_loop_may_leave_connections_idle() -> None:
    assert flags([window(0, {1000: 10})], OPEN, offered=10) == {}
