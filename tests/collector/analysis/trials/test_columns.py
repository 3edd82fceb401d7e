import numpy as np

from headstart.collector.analysis.trials.columns import Readings, thinned


def test_thinning_keeps_the_peak_and_the_order() -> None:
    seconds = np.linspace(0.02, 60, 3000)
    values = np.full(3000, 100.0)
    values[1234] = 250

    thin = thinned(Readings(seconds, values), 100)

    assert len(thin.values) <= 100
    assert thin.values.max() == 250
    assert thin.seconds[np.argmax(thin.values)] == seconds[1234]
    assert (np.diff(thin.seconds) > 0).all()
    assert thin.seconds[0] == 0.02


def test_a_short_series_is_kept_whole() -> None:
    whole = Readings(np.array([0.1, 0.2]), np.array([1.0, 2.0]))

    assert thinned(whole, 100) is whole
