"""Quantities as people read them: scaled, with three digits that mean something."""

import math

from headstart.words.metric import Unit


def quantity(value: float, unit: str) -> str:
    """A value of a metric with its unit, such as "29.6 ms" or "14,700 req/s"."""
    scaled, name = _scaled(value, unit)
    return f"{digits(scaled)} {name}"


def scale(largest: float, unit: str) -> tuple[float, str]:
    """Divisor and name for an axis on which `largest` is the largest value."""
    scaled, name = _scaled(largest, unit)
    return (largest / scaled if scaled else 1.0), name


def digits(value: float) -> str:
    """Three significant digits, thousands separated; whole numbers from 1,000 on."""
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    rounded = round(value, 2 - magnitude)
    # Rounding may reach the next power of ten: 9.996 -> 10.0.
    magnitude = math.floor(math.log10(abs(rounded)))
    return f"{rounded if magnitude < 3 else value:,.{max(0, 2 - magnitude)}f}"


def ratio(value: float) -> str:
    """A ratio with the digits that its distance from 1 calls for: 0.104, 0.997, 9.63."""
    return digits(value) if value < 0.1 or value >= 10 else f"{value:.3f}"


def per_cent(share: float) -> str:
    """The size of a share in per cent, without the sign: one decimal below 10."""
    value = abs(share) * 100
    return f"{value:.1f}" if value < 9.95 else f"{value:.0f}"


_TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
_RATES: dict[str, str] = {Unit.PER_SECOND: "req/s", Unit.JOBS_PER_SECOND: "jobs/s"}
_BYTES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
_STEPS: dict[str, tuple[tuple[float, str], ...]] = {Unit.SECONDS: _TIMES, Unit.BYTES: _BYTES}


def _scaled(value: float, unit: str) -> tuple[float, str]:
    # What rounds to 1.00 s is not shown as 1,000 ms.
    size = float(f"{abs(value):.3g}")
    steps = _STEPS.get(unit, ())
    for factor, name in steps:
        if size >= factor:
            return value / factor, name
    if unit == Unit.SECONDS:
        return (value, "s") if value == 0 else (value / 1e-6, "µs")
    if unit == Unit.BYTES:
        return value, "B"
    return value, _RATES.get(unit, unit)
