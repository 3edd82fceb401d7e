"""What ended runs of a collector found, and the exit code of all of them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import grpc

from headstart.cli.aa_status import say_aa_status
from headstart.cli.client import Reachable, fetch_report
from headstart.cli.exit_codes import ExitCode
from headstart.cli.patience import Patience
from headstart.cli.progress import describe
from headstart.cli.results import read_report
from headstart.cli.terminal import say
from headstart.cli.verdict_code import first_of, say_unmeasured, verdict_code
from headstart.v1.experiments_pb2 import ReportFormat, RunState, RunSummary

if TYPE_CHECKING:
    from headstart.collector.findings import RunResult
    from headstart.v1.experiments_pb2_grpc import ExperimentsServiceStub

# Whose records, or whose agent, are gone.
_GONE = (RunState.RUN_STATE_LOST, RunState.RUN_STATE_INCOMPLETE)


def code_of_runs(collector: Reachable, ended: Sequence[RunSummary], strict: bool) -> ExitCode:
    """As `headstart gate` has it over several; what was not measured is said."""
    results, codes = results_of(collector, ended)
    for result in results:
        if result.aa:
            say_aa_status(result)
    say_unmeasured(results, told_in_lines(ended))
    return first_of([*codes, *(verdict_code(result, strict) for result in results)])


def told_in_lines(ended: Sequence[RunSummary]) -> list[str]:
    """The reasons that were said as the runs ended; what a terminal shows is cut."""
    return [] if sys.stderr.isatty() else [run.reason for run in ended]


def results_of(
    collector: Reachable, ended: Sequence[RunSummary]
) -> tuple[list[RunResult], list[ExitCode]]:
    """The results, and the codes of runs that have none: they ended before they measured.

    Of the latter it is said why. A collector that is away is waited for, as `follow_all` does.
    """
    results, codes = [], []
    patience = Patience(collector.reached())
    for run in ended:
        try:
            content = patience.asked(partial(_report, run_id=run.run_id))
        except _Forgotten:
            where = f"{run.experiment} on {run.host}"
            say(f"headstart: {where}: run {run.run_id} was forgotten meanwhile", err=True)
            codes.append(ExitCode.NOT_MEASURED)
            continue
        if content is None:
            say(f"headstart: {describe(run)}; nothing was measured", err=True)
            gone = run.state in _GONE
            codes.append(ExitCode.SYSTEM_FAILED if gone else ExitCode.NOT_MEASURED)
        else:
            results.append(read_report(content))
    return results, codes


class _Forgotten(Exception):
    """Somebody did, since the run ended: what it found is gone, and that of others is not."""


def _report(stub: ExperimentsServiceStub, run_id: str) -> bytes | None:
    """None: the run has no records. Raises _Forgotten."""
    try:
        return fetch_report(stub, run_id, ReportFormat.REPORT_FORMAT_JSON)
    except grpc.RpcError as error:
        if error.code() == grpc.StatusCode.FAILED_PRECONDITION:
            return None
        if error.code() == grpc.StatusCode.NOT_FOUND:
            raise _Forgotten from error
        raise
