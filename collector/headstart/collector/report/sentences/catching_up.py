"""A race in one line: who answers first, from when on they are level, who has done more."""

from headstart.collector.findings import BreakEven, Overtaking, RunResult
from headstart.collector.findings.quantities import digits, quantity
from headstart.words import metrics
from headstart.words.metrics import METRICS

_FIRST = metrics.THROUGHPUT_FIRST.name
# A throughput that is level this soon after the slower start was never behind.
_AT_ONCE_SECONDS = 3.0


def catching_up(result: RunResult, found: BreakEven) -> str:
    """All times are after exec, each variant's own; nothing is left out of a slow start."""
    if found.outcome is Overtaking.UNDETERMINED:
        return (
            f"Neither {found.baseline} nor {found.variant} answers first for sure: in completed "
            "work neither has a start to catch up with."
        )
    return f"{_start(result, found)}. {_level(result, found)}; {_work(found)}."


def _start(result: RunResult, found: BreakEven) -> str:
    early, late = (_center(result, metrics.STARTUP.name, n) for n in (found.early, found.late))
    said = f"{found.early} answers first"
    if early is not None and late is not None and late > early:
        said = f"{found.early} answers {quantity(late - early, 'seconds')} before {found.late}"
    rates = [_center(result, _FIRST, name) for name in (found.early, found.late)]
    served = [quantity(rate, METRICS[_FIRST].unit) for rate in rates if rate is not None]
    if len(served) == 2:
        said += f"; in the first 5 s of load they serve {served[0]} and {served[1]}"
    return said


def _level(result: RunResult, found: BreakEven) -> str:
    if found.level_seconds is None:
        observed = f"{digits(found.observed_seconds)} s"
        return f"{found.late} is not level with {found.early} within the observed {observed}"
    start = _center(result, metrics.STARTUP.name, found.late) or 0.0
    if found.level_seconds <= start + _AT_ONCE_SECONDS:
        return f"{found.late} serves at the speed of {found.early} from its first seconds on"
    since = _time(found.level_seconds, found.level_low, found.level_high)
    return f"{found.late} is level with {found.early} from {since} after exec on"


def _work(found: BreakEven) -> str:
    observed = f"the observed {digits(found.observed_seconds)} s"
    if found.seconds is not None and found.requests is not None:
        at = _time(found.seconds, found.seconds_low, found.seconds_high)
        requests = f"{float(f'{found.requests:.3g}'):,.0f} requests"
        if found.outcome is Overtaking.OBSERVED:
            return f"in completed work it has caught up after {at} and {requests}"
        return (
            f"in completed work it does not catch up within {observed}; extrapolated from the "
            f"steady rates, it would after {at} and {requests}"
        )
    behind = f"{float(f'{found.behind_requests:.3g}'):,.0f} requests behind"
    never = f"in completed work it never catches up within {observed} ({behind})"
    if found.outcome is Overtaking.NEVER:
        return f"{never}, nor after it: it is the slower one when steady, too"
    if found.outcome is Overtaking.OPEN:
        return f"{never}; the steady rates do not differ for sure, so nothing is said of later"
    return f"{never}; not both were seen to be steady, so nothing is said of later"


def _time(seconds: float, low: float | None, high: float | None) -> str:
    said = f"{digits(seconds)} s"
    if low is None:
        return f"{said} (no interval)"
    if high is None:
        return f"{said} (95 % interval from {digits(low)} s to beyond what was seen)"
    return f"{said} (95 % interval {digits(low)}–{digits(high)} s)"


def _center(result: RunResult, metric: str, variant: str) -> float | None:
    figure = result.figure(metric, variant)
    return figure.center if figure is not None else None
