"""One metric on several hosts: pooled, contradictory, or not to be pooled."""

from dataclasses import replace

import pytest

from headstart.collector.analysis.across.pooled import PooledMetric, pooled_metric, standard_error
from headstart.collector.findings import Basis, Comparison, Interval, RunResult, Verdict
from headstart.words import metrics
from headstart.words.metrics import METRICS
from support.metrics_results import run_result

STARTUP = METRICS[metrics.STARTUP.name]


def host(
    name: str, ratio: float, reach: float = 0.02, fingerprint: str = "", metric: str = STARTUP.name
) -> tuple[str, RunResult]:
    """A host whose ratio has an interval of `reach` to both sides."""
    result = run_result(host=name, fingerprint=fingerprint or name)
    found = result.comparison(metric, "aot")
    assert found is not None
    low, high = ratio / (1 + reach), ratio * (1 + reach)
    exact = METRICS[metric].exact
    verdict = (
        Verdict.BETTER
        if high < 0.95
        else Verdict.WORSE
        if low > 1.05
        else Verdict.EQUIVALENT
        if low >= 0.95 and high <= 1.05
        else Verdict.INCONCLUSIVE
    )
    interval = None if exact else Interval(low, high)
    return name, changed(result, replace(found, ratio=ratio, interval=interval, verdict=verdict))


def changed(result: RunResult, comparison: Comparison) -> RunResult:
    same = (comparison.metric, comparison.variant)
    others = [c for c in result.comparisons if (c.metric, c.variant) != same]
    return replace(result, comparisons=(*others, comparison))


def without(result: RunResult, metric: str) -> RunResult:
    return replace(result, comparisons=tuple(c for c in result.comparisons if c.metric != metric))


def startup(*hosts: tuple[str, RunResult]) -> PooledMetric:
    return pooled_metric(hosts, STARTUP, "aot")


def test_three_hosts_that_agree_are_pooled() -> None:
    found = startup(host("alpha", 0.5), host("beta", 0.52), host("gamma", 0.51))

    assert found.verdict is Verdict.BETTER
    assert found.ratio == pytest.approx(0.51, abs=0.002)
    assert found.interval is not None
    assert found.interval.low < 0.51 < found.interval.high
    assert sum(h.weight or 0 for h in found.hosts) == pytest.approx(1)
    assert found.predicted is not None
    assert found.reason == ""


def test_an_error_is_half_the_interval_in_quantiles_of_t() -> None:
    # Ten blocks: t with nine degrees is 2.2622.
    assert standard_error(Interval(0.5, 0.6), 10, 0.95) == pytest.approx(0.0911608 / 2.2622, 1e-4)


def test_one_better_and_one_worse_is_contradictory_and_has_no_mean() -> None:
    found = startup(host("alpha", 0.7), host("beta", 1.4), host("gamma", 0.7))

    assert found.contradictory
    assert (found.verdict, found.ratio, found.interval) == (Verdict.INCONCLUSIVE, None, None)
    assert "better on alpha and gamma, worse on beta; no mean is taken" in found.reason
    assert "hardware" not in found.reason


def test_contradiction_on_one_fingerprint_says_so() -> None:
    found = startup(host("alpha", 0.7, fingerprint="same"), host("beta", 1.4, fingerprint="same"))

    assert "though their hardware is the same" in found.reason
    assert found.clashes == (("alpha", "beta"),)


def test_one_fingerprint_with_intervals_that_exclude_each_other_is_said_of_equal_verdicts() -> None:
    hosts = [host(name, r, fingerprint="same") for name, r in (("alpha", 0.2), ("beta", 0.25))]
    found = startup(*hosts, host("gamma", 0.5))

    assert found.clashes == (("alpha", "beta"),)
    assert startup(host("alpha", 0.2), host("beta", 0.25)).clashes == ()


def test_the_mean_does_not_outvote_a_host_that_is_sure_of_something_else() -> None:
    hosts = [host(f"h{i}", 0.8, 0.01) for i in range(6)]
    found = startup(*hosts, host("level", 1.0, 0.01))

    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.ratio is not None
    assert "it depends on the host" in found.reason
    assert "equivalent on level" in found.reason


def test_two_hosts_say_how_little_they_tell() -> None:
    found = startup(host("alpha", 0.80), host("beta", 0.90))

    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.interval is not None
    # Half the difference of the logarithms, 12.7 times.
    assert found.interval.high == pytest.approx(0.8485 * 1.125 ** (12.7062 / 2), rel=1e-3)
    assert "better on both hosts, but two hosts hardly tell" in found.reason
    assert (found.tau, found.predicted) == (None, None)


def test_one_host_is_its_own_answer() -> None:
    found = startup(host("alpha", 0.5))

    assert (found.verdict, found.ratio) == (Verdict.BETTER, 0.5)
    assert "says nothing of other hosts" in found.reason


def test_a_host_without_the_metric_is_left_out_by_name() -> None:
    name, result = host("gamma", 0.5)
    found = startup(host("alpha", 0.5), host("beta", 0.5), (name, without(result, STARTUP.name)))

    assert found.verdict is Verdict.BETTER
    assert found.reason == "gamma is left out: not measured there"
    assert found.hosts[2].weight is None


def test_disturbed_hosts_and_hosts_without_an_interval_are_left_out() -> None:
    name, result = host("beta", 0.1)
    comparison = result.comparison(STARTUP.name, "aot")
    assert comparison is not None
    flagged = changed(result, replace(comparison, basis=Basis.FLAGGED))
    few = changed(result, replace(comparison, interval=None, reason="2 blocks measured"))
    found = startup(host("alpha", 0.5), (name, flagged), ("few", few))

    assert found.ratio == 0.5
    assert "beta is left out: too few trials were undisturbed" in found.reason
    assert "few is left out: 2 blocks measured" in found.reason


def test_what_no_host_has_is_unavailable_with_the_reasons() -> None:
    name, result = host("alpha", 0.5)
    found = startup((name, without(result, STARTUP.name)))

    assert found.verdict is Verdict.UNAVAILABLE
    assert "alpha is left out" in found.reason


def test_bytes_of_an_image_are_equal_everywhere_or_that_is_said() -> None:
    size = METRICS[metrics.IMAGE_UNPACKED.name]
    same = [host(name, 0.1, metric=size.name) for name in ("alpha", "beta")]
    other = host("gamma", 0.2, metric=size.name)

    equal = pooled_metric(same, size, "aot")
    assert (equal.ratio, equal.interval, equal.reason) == (0.1, None, "")
    unequal = pooled_metric([*same, other], size, "aot")
    assert (unequal.ratio, unequal.verdict) == (None, Verdict.BETTER)
    assert "not the same on every host: 0.100 on alpha" in unequal.reason


def test_the_narrowest_margin_that_a_file_states_holds() -> None:
    name, result = host("beta", 0.99, 0.005)
    comparison = result.comparison(STARTUP.name, "aot")
    assert comparison is not None
    strict = changed(result, replace(comparison, margin=0.001, verdict=Verdict.INCONCLUSIVE))
    found = startup(host("alpha", 0.99, 0.005), (name, strict))

    assert found.margin == 0.001
    assert found.verdict is not Verdict.EQUIVALENT
