"""Results that a command is given: the id of a run, or a report as JSON in a file."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from headstart.cli.client import Reachable, experiments, fetch_report, latest_ended
from headstart.cli.errors import CommandError, InputError
from headstart.cli.given import write_output
from headstart.cli.terminal import say
from headstart.v1.experiments_pb2 import ReportFormat
from headstart.words.gate_profiles import GateProfile
from headstart.words.states import RunWord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headstart.collector.findings import RunResult


def load_results(
    names: Sequence[str],
    collector: Reachable,
) -> list[RunResult]:
    """One for each name. A name that is a file is read; others are asked of the collector.

    Without a name it is the latest run that has ended.

    Raises InputError, and CommandError for a run that is incomplete.
    """
    from headstart.collector.findings.json import UnreadableResult, from_json

    found = []
    with ExitStack() as stack:
        stub = None
        if not names:
            stub = stack.enter_context(experiments(collector))
            names = [latest_ended(stub).run_id]
        for name in names:
            if Path(name).is_file() or name.endswith(".json"):
                content = _read(Path(name))
            else:
                stub = stub or stack.enter_context(experiments(collector))
                content = fetch_report(stub, name, ReportFormat.REPORT_FORMAT_JSON)
            try:
                result = from_json(content)
            except UnreadableResult as error:
                raise InputError(f"{name} is no report that this version reads: {error}") from error
            if result.state == RunWord.INCOMPLETE:
                raise CommandError(
                    f"run {result.run_id} is incomplete ({result.reason}): nothing is judged by "
                    "it; run the experiment again"
                )
            found.append(result)
    return found


def read_report(content: bytes) -> RunResult:
    """A collector's report as JSON; CommandError where it is none that this version reads."""
    from headstart.collector.findings.json import UnreadableResult, from_json

    try:
        return from_json(content)
    except UnreadableResult as error:
        raise CommandError(
            f"the collector's report cannot be read: {error}. A collector of a later release has "
            "more in its reports than this command knows: update this one"
        ) from error


def judged(result: RunResult, profile: str | None) -> RunResult:
    """By the profile that is named, else by the gates of the file."""
    from headstart.collector.analysis.verdict.gates import known_subjects, profile_limits
    from headstart.collector.analysis.verdict.recommendation import with_recommendations

    if profile is None and result.recommendations:
        return result
    margins = {c.metric: c.margin for c in result.comparisons}
    # A report of an earlier version has no recommendation, and nobody stated its gates.
    named = GateProfile(profile or GateProfile.CI_DEFAULT)
    limits = profile_limits(named, known_subjects(result), margins, hard=profile is not None)
    return with_recommendations(result, profile or f"{named}, the default", limits)


def write(path: Path, text: str, *, append: bool = False) -> None:
    """A file that the user asked for; where it cannot be written, that is wrong input."""
    write_output(path, text.encode("utf-8", "backslashreplace"), append=append)
    say(f"written: {path}", err=True)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
