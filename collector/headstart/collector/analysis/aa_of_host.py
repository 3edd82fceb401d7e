"""What A/A runs say of their host, joined with the results that were measured on it."""

from collections.abc import Iterable
from dataclasses import replace

from headstart.collector.findings import HostCheck, RunResult, Verdict
from headstart.collector.findings.json import from_json
from headstart.words.metrics import METRICS
from headstart.words.states import RunWord


def host_check_of(result: RunResult) -> HostCheck | None:
    """What an A/A run says of its host; None when it is none, or tells nothing."""
    if not result.aa or result.state != RunWord.DONE:
        return None
    own = result.host.check
    if own is not None and own.run_id == result.run_id:
        return own if own.tells else None
    return _by_verdicts(result)


def _by_verdicts(result: RunResult) -> HostCheck | None:
    """As results were read that do not have it: analysed before they were judged together."""
    told = [c for c in result.comparisons if c.verdict is not Verdict.UNAVAILABLE]
    differing = tuple(c.metric for c in told if c.verdict in (Verdict.BETTER, Verdict.WORSE))
    could = any(c.interval is not None and not METRICS[c.metric].exact for c in told)
    if not (could or differing):
        return None
    return HostCheck(
        run_id=result.run_id,
        experiment=result.experiment,
        passed=not differing,
        ended_unix_seconds=result.ended_unix_seconds,
        verdicts=len(told),
        differing=differing,
    )


def latest_telling(results: Iterable[str]) -> RunResult | None:
    """The first of these A/A runs, given as JSON, that says anything of its host.

    One that is too short to tell does not take back what an earlier one found. Raises
    UnreadableResult.
    """
    found = map(from_json, results)
    return next((result for result in found if host_check_of(result) is not None), None)


def with_host_check(result: RunResult, latest: RunResult | None) -> RunResult:
    """The result as of now: with what the latest A/A run of its host says, if any.

    One from before the host's hardware changed says nothing. Where the host failed, gates and
    recommendations are judged anew. Every report and the exposition join the two here.
    """
    source = result if result.aa else latest
    if source is None or source.host.fingerprint != result.host.fingerprint:
        return result
    check = host_check_of(source)
    if check is not None and _failed(check):
        doubt = (
            f"The latest A/A run on this host ({check.run_id}) found differences of a variant "
            "with itself: verdicts from here are doubtful."
        )
        result = replace(result, remarks=(doubt, *result.remarks))
    joined = replace(result, host=replace(result.host, check=check))
    if not joined.recommendations or not (_failed(check) or _failed(result.host.check)):
        return joined
    # numpy comes with it, which a collector without an unfit host need not load.
    from headstart.collector.analysis.verdict.recommendation import with_recommendations

    return with_recommendations(joined, joined.gates_from, joined.gates)


def _failed(check: HostCheck | None) -> bool:
    return check is not None and not check.passed
