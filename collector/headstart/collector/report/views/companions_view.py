"""What stood beside the app: a sentence for each, and what it took by variant."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from headstart.collector.findings import Companion, CompanionTook, RunResult
from headstart.collector.findings.quantities import digits, quantity
from headstart.collector.report.sentences.text import line

NOTE = (
    "Services that stood beside the app, the same for every variant. What they took is theirs:"
    " no figure and no verdict of a variant has it in it. Medians of the trials, and how many times"
    " the baseline's they are, without a verdict; CPU from before the app was let go to the end of"
    " the trial; memory with the page cache."
)
COLUMNS = ("Trials", "CPU", "CPU per answer", "Memory at the end", "Highest")
_NOTHING = "–"
_LIVES = {"trial": "made anew for each trial", "run": "one for all trials of the run"}


@dataclass(frozen=True)
class CompanionRow:
    """What one companion took in the trials of a variant; `values` as in COLUMNS."""

    companion: str
    variant: str
    # "with load" or "without load".
    kind: str
    values: tuple[str, ...]


def companion_sentences(result: RunResult) -> list[str]:
    """What each was and how long it took to be ready."""
    return [line(_sentence(companion)) for companion in result.companions]


def companion_rows(result: RunResult) -> list[CompanionRow]:
    """By companion, then with load and without, so that variants stand below each other."""
    return [
        CompanionRow(
            companion.name,
            took.variant,
            "with load" if took.under_load else "without load",
            (
                str(took.trials),
                _against(took, base, "cpu_seconds"),
                _against(took, base, "cpu_seconds_per_answer"),
                _value(took.memory_bytes, "bytes"),
                _value(took.memory_peak_bytes, "bytes"),
            ),
        )
        for companion in result.companions
        for took in sorted(companion.took, key=lambda each: not each.under_load)
        for base in [_of_baseline(result, companion, took)]
    ]


def companion_origins(result: RunResult) -> list[tuple[str, str]]:
    """What it takes to have the same beside the app again."""
    return [
        (f"Beside the app: {companion.name}", ", ".join(filter(None, _origin(companion))))
        for companion in result.companions
    ]


def _sentence(companion: Companion) -> str:
    parts = [
        ", ".join(filter(None, (companion.image, companion.digest))),
        _LIVES.get(companion.life, companion.life) + (", then seeded" if companion.seeded else ""),
        _listed(_limits(companion)) or "no limit of its own",
        f"ready when {companion.ready_when}",
    ]
    if companion.ready_seconds is not None:
        starts = f"{companion.starts} start{'s' * (companion.starts != 1)}"
        parts[-1] += f", after {quantity(companion.ready_seconds, 'seconds')} ({starts})"
    if companion.oom_kills:
        killed = f"{companion.oom_kills} of its processes"
        parts.append(f"the kernel killed {killed} for want of memory")
    if companion.failure_message:
        parts.append(f"it could not be run: {companion.failure_message.rstrip('.')}")
    return f"{companion.name}: {'; '.join(parts)}."


def _limits(companion: Companion) -> Iterator[str]:
    if companion.memory_limit_bytes:
        yield f"at most {companion.memory_limit_bytes / 2**20:g} MiB"
    if companion.cpu_limit:
        yield f"{digits(companion.cpu_limit)} cores"
    if companion.cpus:
        yield f"CPUs {companion.cpus}"


def _listed(parts: Iterable[str]) -> str:
    return ", ".join(parts)


def _origin(companion: Companion) -> tuple[str, ...]:
    return line(companion.image), line(companion.digest), line(" ".join(companion.argv))


def _of_baseline(
    result: RunResult, companion: Companion, took: CompanionTook
) -> CompanionTook | None:
    """The same of the baseline; None: it is that, or there is none."""
    return next(
        (
            each
            for each in companion.took
            if each.variant == result.baseline != took.variant
            and each.under_load == took.under_load
        ),
        None,
    )


def _against(took: CompanionTook, base: CompanionTook | None, field: str) -> str:
    """A time with how many times the baseline's it is."""
    value: float | None = getattr(took, field)
    theirs: float | None = getattr(base, field, None)
    shown = _value(value, "seconds")
    times = value / theirs if value and theirs else math.inf
    return f"{shown} ({digits(times)}×)" if math.isfinite(times) else shown


def _value(value: float | None, unit: str) -> str:
    return _NOTHING if value is None else quantity(value, unit)
