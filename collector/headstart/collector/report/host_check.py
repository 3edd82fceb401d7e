"""What the latest A/A run says of the host, beside every verdict from it."""

from headstart.collector.analysis.metrics import CATALOGUE
from headstart.collector.results import RunResult


def host_check(result: RunResult, date: str) -> str:
    """A sentence's end after "A/A on this host"; `date` is when the A/A run ended."""
    check = result.host_check
    if check is None:
        if result.aa:
            return "told nothing: no metric has a verdict"
        return "never made: `headstart aa FILE` shows whether the host can tell differences"
    told = f"on {date}" if date else "at an unknown time"
    if check.passed:
        return f"passed {told}: the same variant twice differed in none of {check.verdicts} metrics"
    titles = [CATALOGUE[m].title if m in CATALOGUE else m for m in check.differing]
    return (
        f"failed {told}: verdicts from here are doubtful. The same variant twice differed in "
        f"{', '.join(titles)}"
    )
