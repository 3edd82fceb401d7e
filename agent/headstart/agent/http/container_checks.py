"""Checks that are containers: what runs them, and whether how one ended is correct."""

from dataclasses import dataclass
from typing import Protocol

from headstart.agent.http.junit import Report
from headstart.v1.experiment_pb2 import ContainerCheck
from headstart.v1.records_pb2 import CheckOutcome
from headstart.words.foreign import clean
from headstart.words.foreign.patterns import compile_pattern

# Of its output, the end: where a runner says what became of the tests.
KEPT_OUTPUT_BYTES = 1 << 20
_LAST_WORDS = 200
_NAMES_SHOWN = 3


@dataclass(frozen=True)
class ContainerEnded:
    """How the container of a check ended."""

    # None: it was killed before it ended by itself.
    status: int | None
    # Why it was killed, as a sentence's end; else empty.
    killed: str = ""
    # The last `KEPT_OUTPUT_BYTES` of stdout and stderr.
    output: bytes = b""
    # What it left of its tests; None: it was not asked for, or could not be read.
    report: Report | None = None
    # Why it could not, as a sentence's end.
    unread: str = ""


class CheckContainers(Protocol):
    """Runs the containers of an experiment's checks beside one instance of the app."""

    def run(self, number: int, check: ContainerCheck, url: str) -> ContainerEnded:
        """Run that of the check at this place (from 1) to its end; nothing of it stays behind.

        RuntimeFault when it could not be made or started: that is no fault of the app.
        """


def judge_container(check: ContainerCheck, ended: ContainerEnded, outcome: CheckOutcome) -> None:
    """Fill in whether it passed, both sides in words, and its tests."""
    expected = [f"exit status {check.exit_status}"]
    if check.output_pattern:
        expected.append(f"output matching /{check.output_pattern}/")
    if check.junit:
        expected.append("no test that fails")
    outcome.expected = " and ".join(expected)
    faults = [*_end_faults(check, ended), *_report_faults(check, ended)]
    outcome.passed = not faults
    ending = f"exit status {ended.status}" if ended.status is not None else ended.killed
    actual = [ending, *(fault for fault in faults if fault != ending)]
    # Where tests say why, the runner's last words are no news; they differ from run to run.
    if faults and not (ended.report and _failing(ended.report)):
        last = ended.output.decode(errors="replace")[-_LAST_WORDS:].strip()
        actual.append(f"last output {last!r}" if last else "no output")
    outcome.actual = ", ".join(actual)
    if ended.report is not None:
        outcome.tests.extend(ended.report.tests)
        outcome.test_counts.CopyFrom(ended.report.counts)


def _end_faults(check: ContainerCheck, ended: ContainerEnded) -> list[str]:
    if ended.status is None:
        return [ended.killed]
    faults = []
    if ended.status != check.exit_status:
        faults.append(f"exit status {ended.status}")
    pattern = compile_pattern(check.output_pattern) if check.output_pattern else None
    if pattern is not None:
        # From behind, since that is what is left of a long one.
        searched = ended.output[-pattern.limit_bytes :]
        if not pattern.found_in(searched):
            where = (
                f" in its last {len(searched)} bytes" if len(searched) < len(ended.output) else ""
            )
            faults.append(f"no such output{where}")
    return faults


def _report_faults(check: ContainerCheck, ended: ContainerEnded) -> list[str]:
    if not check.junit or ended.status is None:
        return []
    if ended.report is None:
        return [f"no result of its tests: {ended.unread}"]
    if not ended.report.total:
        return [f"no test in {clean.line(check.junit)}"]
    failing = _failing(ended.report)
    if not failing:
        return []
    names = [test.test for test in ended.report.tests[:failing][:_NAMES_SHOWN]]
    more = f" and {failing - len(names)} more" if failing > len(names) else ""
    verb = "fails" if failing == 1 else "fail"
    return [f"{failing} of {ended.report.total} tests {verb}: {', '.join(names)}{more}"]


def _failing(report: Report) -> int:
    return report.counts.failed + report.counts.errored
