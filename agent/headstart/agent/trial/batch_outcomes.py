"""Whether an execution of a batch program did what was expected, and how it is told if not."""

import time
from collections.abc import Sequence

from headstart.agent.http.check_runner import EXCERPT_BYTES, CheckRun
from headstart.agent.trial.execution import Execution
from headstart.agent.trial.startup_failures import status_words
from headstart.v1.experiment_pb2 import CommandCheck
from headstart.v1.records_pb2 import CheckOutcome, CheckStage, Failure, FailureCode
from headstart.words.foreign.patterns import compile_pattern


def wrong(execution: Execution, expected: CommandCheck) -> str:
    """What of an execution that ended is not as expected; empty: nothing."""
    assert execution.ended is not None  # noqa: S101  # the caller has told unfinished ones
    status = execution.ended.status
    if status != expected.exit_status:
        said = _last_line(execution.output_tail)
        return f"it ended with {status_words(status)}{said}"
    if expected.output_pattern and not _found(execution, expected.output_pattern):
        head = execution.written.head[:200].decode(errors="replace").strip()
        return f"it wrote {head!r}" if head else "it wrote nothing to stdout"
    if not execution.written.complete:
        return f"it wrote more than {execution.written.size_bytes >> 20} MiB, too much to compare"
    return ""


def expectation(expected: CommandCheck) -> str:
    """As a sentence's end: "exit status 0 and output matching /ok/"."""
    text = f"exit status {expected.exit_status}"
    if expected.output_pattern:
        text += f" and output matching /{expected.output_pattern}/"
    return text


def did_not_start(
    execution: Execution, ready: CommandCheck, timeout_seconds: float, cancelled: bool
) -> Failure | None:
    """Why the trivial case did not end as expected; None: it did."""
    failure = unfinished(execution, "its trivial case", timeout_seconds, cancelled)
    if failure is not None:
        if execution.ended is None and not cancelled:
            failure.code = FailureCode.FAILURE_CODE_NOT_READY
        return failure
    if not (problem := wrong(execution, ready)):
        return None
    assert execution.ended is not None  # noqa: S101  # else it were unfinished
    code = FailureCode.FAILURE_CODE_NOT_READY
    if execution.ended.status != ready.exit_status:
        code = FailureCode.FAILURE_CODE_DOES_NOT_START
    return Failure(
        code=code,
        message=f"the trivial case of the program went wrong: {problem}, expected"
        f" {expectation(ready)}",
        exit_status=execution.ended.status,
        output_tail=execution.output_tail,
    )


def unfinished(
    execution: Execution, what: str, timeout_seconds: float, cancelled: bool
) -> Failure | None:
    """Why an execution was not let or could not come to its end; None: it did."""
    if execution.ended is None and cancelled:
        return Failure(
            code=FailureCode.FAILURE_CODE_CANCELLED, message=f"the run was cancelled during {what}"
        )
    if execution.ended is None:
        return Failure(
            code=FailureCode.FAILURE_CODE_DIED,
            message=f"{what} was still running after {timeout_seconds:g} s and was killed",
            output_tail=execution.output_tail,
        )
    if (limit := execution.ended.limit()) is not None:
        code, words = limit
        return Failure(
            code=code,
            message=f"{what} was killed after {execution.seconds:.2f} s: {words}",
            exit_status=execution.ended.status,
            output_tail=execution.output_tail,
        )
    return None


def check_run(
    trial: int,
    name: str,
    stage: CheckStage.ValueType,
    expected: CommandCheck,
    done: Sequence[Execution],
) -> CheckRun:
    """One outcome for all repetitions: the first that went wrong, else the last.

    What is compared with the baseline is the first MiB of stdout, so that a
    difference can be shown where it is, and the digest of all of it.
    """
    shown, problem = done[-1], ""
    for execution in done:
        if problem := wrong(execution, expected):
            shown = execution
            break
    written = shown.written
    outcome = CheckOutcome(
        trial=trial,
        check=name,
        stage=stage,
        passed=not problem,
        expected=expectation(expected),
        actual=problem or f"as expected, {written.size_bytes} bytes",
        excerpt=written.head[:EXCERPT_BYTES],
        status=shown.ended.status if shown.ended else 0,
        monotonic_ns=time.monotonic_ns(),
    )
    trailer = f"\n[{written.size_bytes} bytes, SHA-256 {written.sha256}]"
    return CheckRun(outcome, written.head + trailer.encode())


def _found(execution: Execution, pattern: str) -> bool:
    """In stdout, or in what was written last to stderr: many programs tell their version there."""
    compiled = compile_pattern(pattern)
    return compiled.found_in(execution.written.head) or compiled.found_in(
        execution.output_tail.encode("utf-8", "replace")
    )


def _last_line(tail: str) -> str:
    lines = tail.strip().splitlines()
    return f", last output {lines[-1][-200:]!r}" if lines else " and wrote nothing"
