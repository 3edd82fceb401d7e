import pytest

from headstart.collector.analysis.trials.load import TrialLoad, load_of
from headstart.collector.analysis.trials.samples import Samples
from headstart.collector.analysis.trials.trial_records import Trial
from headstart.collector.analysis.warmup.detection import Course
from headstart.collector.findings import Shape
from headstart.v1.records_pb2 import (
    Histogram,
    LoadWindow,
    LoadWindows,
    Quantity,
    SampleBatch,
    SampleColumn,
    Startup,
    TrialOutcome,
)
from support.fake_runs import latencies

ORIGIN_NS = 7_000_000_000_000
SECOND = 1_000_000_000


def trial(rates: list[tuple[float, float]], **changes: object) -> Trial:
    """A trial whose windows have these widths and rates, one after the other."""
    windows, start = [], 0.0
    for width, rate in rates:
        windows.append(
            LoadWindow(
                start_us=round(start * 1e6),
                duration_us=round(width * 1e6),
                completed=round(rate * width),
                latency=latencies(round(rate * width), 0.001),
            )
        )
        start += width
    startup = Startup(first_correct_response_monotonic_ns=ORIGIN_NS - SECOND // 2)
    outcome = TrialOutcome(trial=1, variant="aot", startup=startup)
    loads = [LoadWindows(trial=1, origin_monotonic_ns=ORIGIN_NS, windows=windows)]
    return Trial(outcome, loads=loads, **changes)  # type: ignore[arg-type]  # fields of Trial


def loaded(rates: list[tuple[float, float]]) -> TrialLoad:
    found = load_of(trial(rates), valid=True)
    assert found is not None
    return found


LEVEL = [(0.1, 1000.0)] * 50 + [(1.0, 1000.0)] * 25


def test_a_trial_without_windows_had_no_load() -> None:
    assert load_of(Trial(TrialOutcome(trial=1)), valid=True) is None


def test_a_level_load_is_flat_with_its_rate() -> None:
    warmup = loaded(LEVEL).warmup

    assert warmup.shape == "flat"
    assert warmup.steady_from_seconds == 0
    assert warmup.steady_per_second == pytest.approx(1000)
    assert warmup.first_seconds_per_second == pytest.approx(1000)
    assert warmup.observed_seconds == pytest.approx(30)


def test_the_steady_rate_and_latency_leave_the_warm_up_out() -> None:
    found = loaded([(0.1, 200.0)] * 50 + [(1.0, 200.0)] * 5 + [(1.0, 1000.0)] * 20)

    assert found.warmup.shape == "warmup"
    assert found.warmup.steady_from_seconds == pytest.approx(10)
    assert found.warmup.steady_per_second == pytest.approx(1000)
    assert found.warmup.first_second_per_second == pytest.approx(200)
    assert found.warmup.last_second_per_second == pytest.approx(1000)


def test_a_course_decided_jointly_gives_the_figures_and_says_so() -> None:
    restless = trial([(1.0, rate) for rate in (700.0, 1300.0, 900.0, 1100.0) * 8])
    alone = load_of(restless, valid=True)
    found = load_of(restless, valid=True, decided_jointly=Course(Shape.FLAT, 0))

    assert alone is not None
    assert found is not None
    assert alone.warmup.steady_per_second is None
    assert not alone.warmup.decided_jointly
    assert found.warmup.steady_per_second == pytest.approx(1000)
    assert found.latency_p50_seconds is not None
    assert found.warmup.decided_jointly


def test_a_short_load_is_cut_finer() -> None:
    assert loaded([(0.1, 1000.0)] * 60).warmup.shape == "flat"
    assert loaded([(0.1, 100.0 + 15 * i) for i in range(60)]).warmup.steady_per_second is None


def test_of_a_few_seconds_nothing_is_said() -> None:
    warmup = loaded([(0.1, 1000.0)] * 40).warmup

    assert warmup.shape == "too short"
    assert warmup.first_seconds_per_second is None
    assert warmup.first_second_per_second == pytest.approx(1000)


def test_a_last_window_that_took_in_the_rest_does_not_widen_the_others() -> None:
    warmup = loaded([(0.1, 1000.0)] * 50 + [(1.0, 1000.0)] * 9 + [(1.4, 1000.0)]).warmup

    assert warmup.shape == "flat"


def test_incorrect_responses_are_no_throughput() -> None:
    wrong = trial(LEVEL)
    for window in wrong.loads[0].windows:
        window.incorrect = window.completed

    found = load_of(wrong, valid=False)

    assert found is not None
    assert found.warmup.first_seconds_per_second == 0
    assert found.warmup.steady_per_second is None
    assert set(found.series.throughput_per_second) == {0.0}


def test_windows_are_timed_from_the_first_correct_response() -> None:
    series = loaded(LEVEL).series

    assert series.start_seconds[:2] == pytest.approx((0.5, 0.6))
    assert len(series.latency_p99_seconds) == len(series.start_seconds)


def test_windows_without_width_are_dropped_and_without_answers_have_no_latency() -> None:
    found = loaded([(0.0, 5.0), *LEVEL, (1.0, 0.0)])

    assert len(found.series.start_seconds) == len(LEVEL) + 1
    assert found.series.latency_p50_seconds[-1] is None
    assert found.series.throughput_per_second[-1] == 0


def test_a_broken_histogram_costs_only_its_latency() -> None:
    broken = trial(LEVEL)
    broken.loads[0].windows[3].latency.CopyFrom(Histogram(index_delta=[1, 2], count=[1]))

    found = load_of(broken, valid=True)

    assert found is not None
    assert found.series.latency_p50_seconds[3] is None
    assert found.warmup.shape == "flat"


def samples(batch: SampleBatch) -> Samples:
    found = Samples()
    found.add(batch)
    return found


def cpu_batch(until_seconds: int) -> SampleBatch:
    """Half a core, read every second from one second before the load on."""
    rows = until_seconds + 2
    return SampleBatch(
        trial=1,
        origin_monotonic_ns=ORIGIN_NS - SECOND,
        time_delta_us=[0] + [1_000_000] * (rows - 1),
        columns=[
            SampleColumn(quantity=Quantity.QUANTITY_CGROUP_CPU_US, delta=[500_000] * rows),
        ],
    )


def test_cpu_time_per_request_is_that_between_begin_and_end_of_load() -> None:
    found = load_of(trial(LEVEL, samples=samples(cpu_batch(35))), valid=True)

    assert found is not None
    assert found.cpu_seconds_per_request == pytest.approx(0.5 / 1000)


def test_cpu_time_that_was_not_read_to_the_end_is_not_known() -> None:
    found = load_of(trial(LEVEL, samples=samples(cpu_batch(20))), valid=True)

    assert found is not None
    assert found.cpu_seconds_per_request is None


def test_a_load_without_a_series_says_so_and_has_its_totals() -> None:
    whole = trial([(30.0, 1000.0)])
    whole.outcome.load.driver = "wrk"
    whole.outcome.load.without_series = True
    found = load_of(whole, valid=True)

    assert found is not None
    assert found.warmup.shape == "no series"
    assert found.warmup.reason == "was put under load by wrk, which gives no series"
    assert found.warmup.steady_per_second is None
    assert found.throughput_per_second == pytest.approx(1000)
    assert found.latency_whole_p99_seconds is not None
    assert found.series.start_seconds == ()


def test_a_load_with_a_series_is_not_summed_up() -> None:
    """How much of its sum is warm-up would depend on its length."""
    assert loaded(LEVEL).throughput_per_second is None
    assert loaded(LEVEL).latency_whole_p99_seconds is None


def test_latencies_of_windows_in_which_the_generator_paused_are_left_out() -> None:
    """Half of the windows are slow, and the generator's own fault."""
    paused = trial(LEVEL)
    for window in paused.loads[0].windows[::2]:
        window.own_pause_us = 12_000
        window.latency.CopyFrom(latencies(window.completed, 0.012))
    found = load_of(paused, valid=True)

    assert found is not None
    assert found.latency_p99_seconds == pytest.approx(loaded(LEVEL).latency_p99_seconds)
    assert found.warmup.steady_per_second == pytest.approx(1000)


def test_a_load_in_which_the_generator_paused_throughout_has_no_latency() -> None:
    paused = trial(LEVEL)
    for window in paused.loads[0].windows:
        window.own_pause_us = 12_000
    found = load_of(paused, valid=True)

    assert found is not None
    assert found.latency_p99_seconds is None
