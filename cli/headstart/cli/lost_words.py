"""What is lost with runs that are forgotten, in a line."""

from collections.abc import Sequence

from headstart.v1.experiments_pb2 import Lost

_NAMED = 5


def lost_words(lost: Lost) -> str:
    """`12 runs of players-api on perf1 and perf2, 8 results, 340.2 MiB of records`."""
    if not lost.runs:
        return "no run"
    return (
        f"{_count(lost.runs, 'run')} of {_few(lost.experiments)} on {_few(lost.hosts)}, "
        f"{_count(lost.results, 'result')}, {lost.stored_bytes / (1 << 20):.1f} MiB of records"
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _few(names: Sequence[str]) -> str:
    if len(names) > _NAMED:
        return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1] if names else ""]))
