"""The resampling of windows to the fixed grid."""

import pytest

from headstart.collector.findings import WindowSeries
from headstart.collector.metrics.warmup_curve import GRID_SECONDS, warmup_curve


def series(
    *windows: tuple[float, float, float], trial: int = 1, valid: bool = True
) -> WindowSeries:
    """A trial of (start, width, throughput) windows."""
    starts, widths, throughput = zip(*windows, strict=True) if windows else ((), (), ())
    return WindowSeries(
        variant="jit",
        trial=trial,
        start_seconds=starts,
        width_seconds=widths,
        throughput_per_second=throughput,
        latency_p50_seconds=(0.001,) * len(starts),
        latency_p99_seconds=(0.002,) * len(starts),
        valid=valid,
    )


def test_grid_is_about_thirty_points_from_a_tenth_of_a_second_to_five_minutes() -> None:
    assert len(GRID_SECONDS) == 29
    assert (GRID_SECONDS[0], GRID_SECONDS[-1]) == (0.1, 320.0)
    assert list(GRID_SECONDS) == sorted(set(GRID_SECONDS))


def test_level_throughput_stays_level_and_ends_where_the_load_ended() -> None:
    curve = warmup_curve([series(*[(float(i), 1.0, 500.0) for i in range(10)])])

    assert [point for point in GRID_SECONDS if point <= 10] == list(curve)
    assert list(curve.values()) == pytest.approx([500.0] * len(curve))


def test_windows_are_weighted_by_the_time_they_share_with_a_bin() -> None:
    # The bin (1.0, 1.3] has 0.1 s of the first window and 0.2 s of the second.
    curve = warmup_curve([series((0.0, 1.1, 100.0), (1.1, 1.0, 400.0))])

    assert curve[1.3] == pytest.approx((0.1 * 100 + 0.2 * 400) / 0.3)


def test_a_bin_that_windows_do_not_cover_is_left_out() -> None:
    curve = warmup_curve([series((0.0, 1.0, 100.0), (1.2, 1.0, 100.0))])

    assert 1.0 in curve
    assert 1.3 not in curve
    assert 1.8 in curve


def test_the_middle_of_the_valid_trials_counts() -> None:
    trials = [series((0.0, 1.0, level), trial=i) for i, level in enumerate((10.0, 20.0, 90.0))]
    trials.append(series((0.0, 1.0, 1e6), trial=9, valid=False))

    assert warmup_curve(trials)[1.0] == 20.0


def test_no_load_no_curve() -> None:
    assert warmup_curve([]) == {}
    assert warmup_curve([series()]) == {}
