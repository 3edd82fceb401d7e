"""What `run`, `aa` and `try` do: an embedded collector, an in-process agent, a socket between.

Loaded when a run begins: agent and collector take a second to import.
"""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from headstart.agent.agent import Agent, AgentConfig, StateInUse, remove_left
from headstart.agent.policy.policy import Policy
from headstart.cli import interrupt
from headstart.cli.aa_status import say_aa_status
from headstart.cli.agent_options import host_name, parse_labels
from headstart.cli.check_here import Checked, check_here, read_file, require
from headstart.cli.client import experiments, fetch_report, follow
from headstart.cli.connection import Connection
from headstart.cli.data_folder import own_address, start_collector
from headstart.cli.errors import CommandError, InputError
from headstart.cli.exit_codes import ExitCode
from headstart.cli.faults import agent_faults
from headstart.cli.formats import BUILD_LOGS, REPORTS, listed, suffix
from headstart.cli.if_busy import machine_held
from headstart.cli.logs import log_to_stderr
from headstart.cli.loop import run_loop
from headstart.cli.progress import ProgressLines
from headstart.cli.report import print_terminal
from headstart.cli.results import read_report
from headstart.cli.terminal import say, say_json
from headstart.cli.verdict_code import say_unmeasured, verdict_code
from headstart.collector.experiments.file import ExperimentProblems
from headstart.v1.experiment_pb2 import Experiment
from headstart.v1.experiments_pb2 import (
    CancelRequest,
    ListRequest,
    ReportFormat,
    RunState,
    SubmitRequest,
)
from headstart.words.enums import word
from headstart.words.private_files import private_file, private_folder, write_private

_INTERRUPTED = 130
# By what ended the command; without a signal it was cancelled from elsewhere.
_REASONS = {
    143: "the command that runs it was told to end (SIGTERM)",
    129: "the terminal of the command that runs it was closed (SIGHUP)",
}
_INTERRUPTED_THERE = "interrupted at the terminal"
# The most that a collector lists at once.
_LISTED = 1000


@dataclass(frozen=True)
class _Asked:
    """What the command line asked for."""

    request: SubmitRequest
    data: Path
    host: str
    labels: dict[str, str]
    as_json: bool
    # What the file holds is what may run.
    policy: Policy
    # Undecided is 1, too.
    strict: bool


def run_here(
    request: SubmitRequest,
    data: Path,
    host: str | None,
    labels: tuple[str, ...],
    as_json: bool,
    strict: bool = False,
) -> int:
    """Submit to a collector of our own, attend it, wait, report; the exit code."""
    log_to_stderr("headstart: %(message)s")
    try:
        experiment = read_file(request)
    except ExperimentProblems as problems:
        raise InputError(*str(problems).split("\n")) from problems
    # Before the check: what another run holds, such as a port, is free when that has ended.
    with machine_held():
        return _run_alone(request, experiment, data, host, labels, as_json, strict)


def _run_alone(
    request: SubmitRequest,
    experiment: Experiment,
    data: Path,
    host: str | None,
    labels: tuple[str, ...],
    as_json: bool,
    strict: bool,
) -> int:
    keep_going = request.keep_going or experiment.plan.keep_going
    require(_checked(request, experiment, data), keep_going)
    asked = _Asked(
        request=request,
        data=data.absolute(),
        host=host_name(host),
        labels=_matching_labels(experiment, parse_labels(labels)),
        as_json=as_json,
        policy=Policy.for_experiment(experiment, data.absolute()),
        strict=strict,
    )
    try:
        return run_loop(_run(asked))
    except asyncio.CancelledError:
        say("interrupted", err=True)
        return interrupt.status() or _INTERRUPTED


def _checked(request: SubmitRequest, experiment: Experiment, data: Path) -> Checked:
    """What is in the way; what a killed run left there is not, but removed."""
    checked = check_here(request, experiment, data)
    state = data.absolute() / "agent"
    if not checked.problems or not (state / "lock").exists():
        return checked
    # The agent that lives there does it itself.
    with suppress(StateInUse):
        remove_left(state)
        checked = check_here(request, experiment, data)
    return checked


def _matching_labels(experiment: Experiment, own: dict[str, str]) -> dict[str, str]:
    """This host's labels and those that the file asks for, so that it matches."""
    return own | dict(experiment.hosts.labels)


class _Signals:
    """What a signal means at each moment of a run: cancel it, or end without a report."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._command = asyncio.current_task()
        # Set as long as there is a run to cancel.
        self.cancel_run: Callable[[], None] | None = None
        # Whether all that is left is to clean up.
        self.ending = False

    def arrived(self) -> None:
        """In the main thread, at any step of it."""
        interrupt.end_within()
        self._loop.call_soon_threadsafe(self._act)

    def run_ended(self) -> None:
        """Its report may take its time; a further signal ends that too. From any thread."""
        self._loop.call_soon_threadsafe(self._report)

    def _report(self) -> None:
        self.cancel_run = None
        # Who does not wait for the report any more has said so, perhaps as the run was cancelled.
        if not self.ending:
            interrupt.take_time()

    def _act(self) -> None:
        # What `_report` took back between the signal and this.
        interrupt.end_within()
        if self.ending or self._command is None:
            return
        cancel, self.cancel_run = self.cancel_run, None
        if cancel is not None:
            cancel()
        else:
            self.ending = True
            self._command.cancel()


async def _run(asked: _Asked) -> int:
    signals = _Signals()
    with ExitStack() as ending:
        ending.enter_context(interrupt.handled(signals.arrived))
        _make_private(asked.data)
        address = own_address(asked.data / "collector", ending)
        collector = await start_collector(asked.data / "collector", address)
        try:
            own = Connection(address)
            await asyncio.to_thread(_cancel_abandoned, own)
            with agent_faults():
                return await _with_agent(asked, own, signals)
        finally:
            signals.ending = True
            await collector.stop()


def _make_private(data: Path) -> None:
    try:
        private_folder(data, marks=("collector", "agent"))
        # Reports of an older release.
        for path in data.glob("reports/*/*"):
            if not path.is_symlink():
                private_file(path)
    except OSError as error:
        raise InputError(f"--data {data}: {error.strerror}") from error


async def _with_agent(asked: _Asked, own: Connection, signals: _Signals) -> int:
    attending = asyncio.Event()
    run_id: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    agent = Agent(
        AgentConfig(
            target=own.target,
            state=asked.data / "agent",
            host=asked.host,
            policy=asked.policy,
            labels=asked.labels,
            only_run=run_id,
        ),
        on_connected=lambda connected: attending.set() if connected else None,
    )
    agent_task = asyncio.create_task(agent.run())
    ready = asyncio.create_task(attending.wait())
    try:
        await asyncio.wait({agent_task, ready}, return_when=asyncio.FIRST_COMPLETED, timeout=30)
        if agent_task.done():
            agent_task.result()
        if not attending.is_set():
            raise CommandError("the agent could not attend its own collector within 30 s")
        if reason := agent.attendance.not_ready():
            raise CommandError(f"--data {asked.data}: the agent takes no run: {reason}")
        run_id.set_result(await asyncio.to_thread(_submit, own, asked.request))
        return await _follow(asked, own, agent, run_id.result(), signals)
    finally:
        signals.ending = True
        ready.cancel()
        agent.stop()
        await asyncio.gather(agent_task, return_exceptions=True)


async def _follow(
    asked: _Asked, own: Connection, agent: Agent, run_id: str, signals: _Signals
) -> int:
    def cancel() -> None:
        say("", "cancelling; the variants are being removed", err=True)
        for held in agent.runs.running():
            held.cancel(_reason())
        loop.run_in_executor(None, _cancel, own, run_id)

    loop = asyncio.get_running_loop()
    signals.cancel_run = cancel
    return await asyncio.to_thread(_watch_and_report, asked, own, run_id, signals)


def _cancel_abandoned(own: Connection) -> None:
    """Cancel what an earlier command left unfinished: nobody waits for it any more.

    Before the agent attends, so that none of it is leased: a List does not show all.
    """
    reason = "the command that started it was killed"
    for state in (RunState.RUN_STATE_QUEUED, RunState.RUN_STATE_LEASED):
        seen: set[str] = set()
        with experiments(own) as stub:
            while found := [
                run.run_id
                for run in stub.List(ListRequest(states=[state], limit=_LISTED)).runs
                if run.run_id not in seen
            ]:
                for run_id in found:
                    stub.Cancel(CancelRequest(run_id=run_id, reason=reason))
                    say(f"cancelled run {run_id}: {reason}", err=True)
                # One that is leased ends later, and stays in the list until then.
                seen.update(found)


def _submit(own: Connection, request: SubmitRequest) -> str:
    with experiments(own) as stub:
        return stub.Submit(request).runs[0].run_id


def _reason() -> str:
    return _REASONS.get(interrupt.status() or 0, _INTERRUPTED_THERE)


def _cancel(own: Connection, run_id: str) -> None:
    with experiments(own) as stub:
        stub.Cancel(CancelRequest(run_id=run_id, reason=_reason()))


def _watch_and_report(asked: _Asked, own: Connection, run_id: str, signals: _Signals) -> int:
    lines = ProgressLines()
    with experiments(own) as stub:
        try:
            ended = follow(stub, run_id, lines.show)
            signals.run_ended()
        finally:
            lines.close()
        reports = {
            name: fetch_report(stub, run_id, report_format)
            for name, report_format in REPORTS.items()
            if report_format != BUILD_LOGS
        }
        logs = b""
        if asked.policy.builds:
            logs = fetch_report(stub, run_id, BUILD_LOGS)
    folder = asked.data / "reports" / run_id
    private_folder(folder.parent)
    private_folder(folder)
    files = {name: folder / f"report{suffix(ReportFormat, REPORTS[name])}" for name in reports}
    for name, content in reports.items():
        write_private(files[name], content)
    if logs:
        write_private(folder / "build.log", logs)
    if asked.as_json:
        say_json(reports["json"])
    else:
        print_terminal(reports["json"])
    others = listed((file.suffix for name, file in files.items() if name != "html"), "and")
    say(f"report: {files['html']} (also {others})", err=True)
    if ended.state == RunState.RUN_STATE_CANCELLED:
        return interrupt.status() or ExitCode.NOT_MEASURED
    result = read_report(reports["json"])
    if ended.state not in (RunState.RUN_STATE_DONE, RunState.RUN_STATE_FAILED):
        say(f"headstart: the run is {word(RunState, ended.state)}: {ended.reason}", err=True)
    if asked.request.aa:
        say_aa_status(result)
    say_unmeasured([result])
    return verdict_code(result, asked.strict)
