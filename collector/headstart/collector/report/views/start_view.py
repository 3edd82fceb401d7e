"""The table of one start: for each variant the stamps of its median trial."""

from collections.abc import Callable
from dataclasses import dataclass

from headstart.collector.findings import RunResult, Start
from headstart.collector.findings.quantities import quantity
from headstart.collector.findings.starts import STAMPS, title_of

NOTE = (
    "Of each variant the trial whose startup is the median, in milliseconds since its exec;"
    " CLOCK_MONOTONIC of the host, stamped in nanoseconds. What comes before exec is the"
    " engine's, and no part of startup."
)
_NOTHING = "–"
_STAMPED_BY = {"gate": "gate", "proc_connector": "kernel", "degraded": "none: the start call"}


@dataclass(frozen=True)
class StartTable:
    """`rows`: a title, and a cell for each column."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]

    def __bool__(self) -> bool:
        return bool(self.columns)


def start_table(result: RunResult) -> StartTable:
    """Stamps that no variant has are left out. Empty where nothing was started."""
    starts = result.starts
    rows = [
        (title_of(stamp, starts), tuple(_ms(start.stamps.get(stamp.name)) for start in starts))
        for stamp in STAMPS
        if any(stamp.name in start.stamps for start in starts)
    ]
    for title, cell in _BESIDE.items():
        cells = tuple(map(cell, starts))
        if any(each != _NOTHING for each in cells):
            rows.append((title, cells))
    return StartTable(tuple(map(_column, starts)), tuple(rows))


def _column(start: Start) -> str:
    return f"{start.variant}, trial {start.trial}{'' if start.valid else ' (flagged)'}"


def _ms(seconds: float | None) -> str:
    return _NOTHING if seconds is None else f"{seconds * 1e3:,.2f}"


def _listening(start: Start) -> str:
    """The app began to listen between the two."""
    refused, connected = map(start.stamps.get, ("last_refused", "connected"))
    if refused is None or connected is None:
        return _NOTHING
    return quantity(connected - refused, "seconds")


def _cpu(start: Start) -> str:
    if not start.cpu_resolution_seconds:
        return _NOTHING
    step = quantity(start.cpu_resolution_seconds, "seconds")
    return f"{quantity(start.cpu_seconds, 'seconds')}, known to {step}"


def _log(start: Start) -> str:
    if not start.log_lines:
        return _NOTHING
    lines = "1 line" if start.log_lines == 1 else f"{start.log_lines:,} lines"
    return f"{lines}, {quantity(start.log_bytes, 'bytes')}"


def _count(value: int) -> str:
    return f"{value:,}" if value else _NOTHING


def _waited(seconds: float) -> str:
    return quantity(seconds, "seconds") if seconds else _NOTHING


def _quiet(start: Start) -> str:
    idle = "" if start.idle_share is None else f", {start.idle_share * 100:.0f} % idle"
    return f"{quantity(start.quiet_wait_seconds, 'seconds')}{idle}"


# What else is known of a start: title -> its cell.
_BESIDE: dict[str, Callable[[Start], str]] = {
    "exec stamped by": lambda start: _STAMPED_BY.get(start.exec_stamp, start.exec_stamp),
    "listening known to": _listening,
    "connects tried": lambda start: _count(start.connect_attempts),
    "answers that were not correct": lambda start: _count(start.incorrect_responses),
    "log up to it": _log,
    "CPU time": _cpu,
    "app waited for a CPU": lambda start: _waited(start.server_run_delay_seconds),
    "prober waited for a CPU": lambda start: _waited(start.prober_run_delay_seconds),
    "quiet host waited for": _quiet,
}
