"""For every alert: series in which it fires, with what it says, and in which it stays quiet."""

from support.alert_cases import collector, fleet, freshness, results, shifts
from support.alert_cases.case import Case

__all__ = ["CASES", "Case"]

CASES: tuple[Case, ...] = (
    *results.CASES,
    *shifts.CASES,
    *freshness.CASES,
    *fleet.CASES,
    *collector.CASES,
)
