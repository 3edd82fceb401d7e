from dataclasses import replace

import numpy as np
import pytest

from headstart.collector.analysis.verdict.break_even import Work, break_even, work_of
from headstart.collector.findings import BreakEven, Overtaking
from headstart.collector.findings.json import from_json, to_json
from support.fake_runs import AOT, JIT, Fake

QUICK_JIT = replace(JIT, climb_seconds=5, steady_per_second=19_000)
# In windows of 0.1 s, as the agent cuts the first seconds.
STEP = 0.1


def work(
    block: int,
    startup: float,
    rate: float,
    *,
    seconds: float = 30.0,
    steady: bool = True,
    warm_after: float = 0.0,
) -> Work:
    """Half the rate until warm, then the rate."""
    times = np.arange(0, seconds + STEP / 2, STEP)
    rates = np.where(times[:-1] < warm_after, rate / 2, rate)
    return Work(
        block=block,
        startup_seconds=startup,
        seconds=startup + times,
        completed=np.append(0.0, np.cumsum(rates * STEP)),
        steady_per_second=rate if steady else None,
    )


def race(early: list[Work], late: list[Work]) -> BreakEven:
    found = break_even(("aot", early), ("jit", late), margin=0.05)
    assert found is not None
    return found


def both(early_rate: float, late_rate: float, blocks: int = 6, **late: float) -> BreakEven:
    spread = [1 + 0.001 * (-1) ** block for block in range(blocks)]
    return race(
        [work(b, 0.1, early_rate) for b in range(blocks)],
        [work(b, 1.1, late_rate * s, **late) for b, s in enumerate(spread)],  # type: ignore[arg-type]  # of one kind
    )


def test_work_that_is_half_as_fast_again_catches_up_where_the_algebra_says() -> None:
    # 100 (t - 0.1) = 150 (t - 1.1): t = 3.1 s, 300 requests.
    found = both(100, 150)

    assert found.outcome is Overtaking.OBSERVED
    assert (found.early, found.late) == ("aot", "jit")
    assert found.seconds == pytest.approx(3.1, rel=0.01)
    assert found.requests == pytest.approx(300, rel=0.01)


@pytest.mark.parametrize("blocks", [4, 12])
def test_an_observed_break_even_lies_in_its_interval(blocks: int) -> None:
    found = both(100, 150, blocks=blocks)

    assert found.seconds_low is not None
    assert found.seconds_high is not None
    assert found.seconds is not None
    assert 2.9 < found.seconds_low <= found.seconds <= found.seconds_high < 3.3


def test_two_blocks_have_a_break_even_without_an_interval() -> None:
    found = both(100, 150, blocks=2)

    assert found.seconds == pytest.approx(3.1, rel=0.01)
    assert found.seconds_low is None
    assert found.seconds_high is None


def test_later_than_observed_is_extrapolated_from_steady_rates() -> None:
    # 100 (t - 0.1) = 102 (t - 1.1): t = 51.1 s, of which 30 s were observed.
    found = both(100, 102)

    assert found.outcome is Overtaking.EXTRAPOLATED
    assert found.seconds == pytest.approx(51.1, rel=0.1)
    assert found.requests == pytest.approx(5100, rel=0.1)


def test_without_steady_rates_nothing_is_extrapolated() -> None:
    found = both(100, 102, steady=False)

    assert found.outcome is Overtaking.NOT_OBSERVED
    assert found.seconds is None
    assert found.behind_requests == pytest.approx(100 * 30 - 102 * 29, rel=0.2)


def test_the_slower_one_in_the_steady_state_never_catches_up() -> None:
    assert both(100, 90).outcome is Overtaking.NEVER


def test_steady_rates_that_do_not_differ_for_sure_say_nothing_of_later() -> None:
    rates = [98.0, 102.0, 99.0, 101.0, 97.0, 103.0]

    found = race(
        [work(b, 0.1, 100) for b in range(6)], [work(b, 1.1, r) for b, r in enumerate(rates)]
    )

    assert found.outcome is Overtaking.OPEN
    assert found.seconds is None


def test_a_block_that_did_not_settle_does_not_forbid_extrapolation() -> None:
    late = [work(b, 1.1, 102 + 0.1 * b, steady=b != 2) for b in range(6)]

    assert race([work(b, 0.1, 100) for b in range(6)], late).outcome is Overtaking.EXTRAPOLATED


def test_throughput_is_level_from_where_the_climb_ends() -> None:
    found = both(100, 100, warm_after=10)

    assert found.level_seconds == pytest.approx(11.1, abs=1.5)


def test_a_variant_that_stays_behind_is_never_level() -> None:
    assert both(100, 80).level_seconds is None


def test_who_starts_first_by_chance_has_no_lead() -> None:
    starts = [0.9, 1.1, 1.0, 1.2, 0.8, 1.0]

    found = race(
        [work(b, 1.0, 100) for b in range(6)], [work(b, s, 100) for b, s in enumerate(starts)]
    )

    assert found.outcome is Overtaking.UNDETERMINED


def test_no_common_block_is_no_race() -> None:
    assert break_even(("a", [work(1, 1, 9)]), ("b", [work(2, 1, 9)]), margin=0) is None


def test_the_same_records_give_the_same_answer() -> None:
    assert both(100, 150) == both(100, 150)


def test_a_run_has_its_break_even_whichever_side_is_the_baseline() -> None:
    one = Fake(kinds=(QUICK_JIT, AOT), blocks=10, load_every=2).result().load.break_evens[0]
    other = Fake(kinds=(AOT, QUICK_JIT), blocks=10, load_every=2).result().load.break_evens[0]

    assert one.outcome is other.outcome is Overtaking.OBSERVED
    assert one.late == other.late == "jit"
    assert one.seconds == pytest.approx(other.seconds, rel=0.1)


def test_a_jit_that_ends_level_never_catches_up_within_the_observed_time() -> None:
    found = Fake(kinds=(JIT, AOT), blocks=6, load_every=2).result().load.break_evens[0]

    assert found.seconds is None
    assert found.level_seconds is not None
    assert found.behind_requests > 0


def test_a_short_load_of_a_jit_is_not_extrapolated() -> None:
    fake = Fake(kinds=(QUICK_JIT, AOT), blocks=4, load_every=1, load_seconds=12)

    assert fake.result().load.break_evens[0].outcome is Overtaking.NOT_OBSERVED


def test_a_result_with_break_evens_survives_json() -> None:
    result = Fake(kinds=(JIT, AOT), blocks=3, load_every=1).result()

    assert from_json(to_json(result)).load.break_evens == result.load.break_evens


def test_a_trial_without_exec_has_no_work() -> None:
    series = Fake(kinds=(JIT, AOT), blocks=1, load_every=1).result().load.series[0]

    assert work_of(replace(series, startup_seconds=None), None) is None
