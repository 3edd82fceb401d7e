"""`headstart run`: an embedded collector, an in-process agent, a loopback channel."""

import asyncio
import logging
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from headstart.agent.policy import Policy
from headstart.agent.service import Agent, AgentConfig
from headstart.cli.aa_status import aa_status
from headstart.cli.agent_options import host_name, parse_labels
from headstart.cli.client import experiments, fetch_report, follow
from headstart.cli.errors import REJECTED, SYSTEM_FAILED, CommandError, InputError
from headstart.cli.faults import agent_faults, collector_faults
from headstart.cli.progress import ProgressLines
from headstart.cli.report import FORMATS, print_terminal
from headstart.cli.submit import submission
from headstart.collector.config import CollectorConfig, Timing
from headstart.collector.experiment_file import ExperimentProblems, load_experiment
from headstart.collector.server import Collector
from headstart.v1.experiment_pb2 import Experiment
from headstart.v1.experiments_pb2 import (
    CancelRequest,
    ListRequest,
    ReportFormat,
    RunState,
    SubmitRequest,
)

_SUFFIXES = {"html": "html", "markdown": "md", "json": "json"}
_INTERRUPTED = 130


@dataclass(frozen=True)
class _Asked:
    """What the command line asked for."""

    request: SubmitRequest
    data: Path
    host: str
    labels: dict[str, str]
    as_json: bool
    # Whether a variant is built.
    builds: bool = False


def here_options(command: Callable[..., int]) -> Callable[..., int]:
    """What every command takes that runs an experiment on this machine."""
    options = (
        click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path)),
        click.option(
            "--revision", default="", help="What was built: a commit, a tag, a build number."
        ),
        click.option(
            "--data",
            type=click.Path(file_okay=False, path_type=Path),
            default=Path(".headstart"),
            show_default=True,
            help="Folder for store, spool and reports; made when missing.",
        ),
        click.option("--host", help="Name of this host in results. Default: its hostname."),
        click.option(
            "--label", "labels", multiple=True, metavar="NAME=VALUE", help="May be repeated."
        ),
        click.option("--json", "as_json", is_flag=True, help="Print the report as JSON."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command("run")
@here_options
def command(
    file: Path, revision: str, data: Path, host: str | None, labels: tuple[str, ...], as_json: bool
) -> int:
    """Run the experiment in FILE on this machine and report.

    The file's `hosts` are ignored: it runs here.
    """
    return run_here(submission(file, revision), data, host, labels, as_json)


def run_here(
    request: SubmitRequest, data: Path, host: str | None, labels: tuple[str, ...], as_json: bool
) -> int:
    """Submit to a collector of our own, attend it, wait, report; the exit code."""
    logging.basicConfig(level=logging.WARNING, format="headstart: %(message)s")
    try:
        experiment = load_experiment(
            request.source_text, request.base_directory, request.file_name, request.revision
        )
    except ExperimentProblems as problems:
        raise InputError(str(problems)) from problems
    asked = _Asked(
        request=request,
        data=data.absolute(),
        host=host_name(host),
        labels=_matching_labels(experiment, parse_labels(labels)),
        as_json=as_json,
        builds=any(variant.HasField("build") for variant in experiment.variants),
    )
    return asyncio.run(_run(asked))


def _matching_labels(experiment: Experiment, own: dict[str, str]) -> dict[str, str]:
    """This host's labels and those that the file asks for, so that it matches."""
    return own | dict(experiment.hosts.labels)


async def _run(asked: _Asked) -> int:
    with collector_faults():
        collector = await Collector.start(
            CollectorConfig(
                data=asked.data / "collector",
                listen="127.0.0.1:0",
                # The folder may know this machine under an earlier --host: it has no agent now.
                timing=Timing(host_expiry_seconds=0),
                # Whoever asked for one run is not kept waiting for another.
                confirm_regressions=False,
            )
        )
    target = f"127.0.0.1:{collector.port}"
    try:
        await asyncio.to_thread(_cancel_abandoned, target)
        with agent_faults():
            return await _with_agent(asked, target)
    finally:
        await collector.stop()


async def _with_agent(asked: _Asked, target: str) -> int:
    attending = asyncio.Event()
    agent = Agent(
        AgentConfig(
            target=target,
            state=asked.data / "agent",
            host=asked.host,
            policy=Policy.local(),
            labels=asked.labels,
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
        return await _follow(asked, target, agent)
    finally:
        ready.cancel()
        agent.stop()
        await asyncio.gather(agent_task, return_exceptions=True)


async def _follow(asked: _Asked, target: str, agent: Agent) -> int:
    run_id = await asyncio.to_thread(_submit, target, asked.request)
    interrupts = 0

    def interrupted() -> None:
        nonlocal interrupts
        interrupts += 1
        if interrupts == 1:
            click.echo("\ncancelling; the variants are being removed", err=True)
            for held in agent.runs.running():
                held.cancel_reason = "interrupted at the terminal"
                held.cancelled.set()
            loop.run_in_executor(None, _cancel, target, run_id)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted)
    return await asyncio.to_thread(_watch_and_report, asked, target, run_id)


def _cancel_abandoned(target: str) -> None:
    """Cancel what an earlier command left unfinished: nobody waits for it any more."""
    unfinished = [RunState.RUN_STATE_QUEUED, RunState.RUN_STATE_LEASED]
    with experiments(target, None) as stub:
        for run in stub.List(ListRequest(states=unfinished)).runs:
            reason = "the command that started it was killed"
            stub.Cancel(CancelRequest(run_id=run.run_id, reason=reason))
            click.echo(f"cancelled run {run.run_id}: {reason}", err=True)


def _submit(target: str, request: SubmitRequest) -> str:
    with experiments(target, None) as stub:
        return stub.Submit(request).runs[0].run_id


def _cancel(target: str, run_id: str) -> None:
    with experiments(target, None) as stub:
        stub.Cancel(CancelRequest(run_id=run_id, reason="interrupted at the terminal"))


def _is_rejected(report_json: bytes) -> bool:
    from headstart.collector.report.gate import failed
    from headstart.collector.results_json import from_json

    return failed(from_json(report_json))


def _watch_and_report(asked: _Asked, target: str, run_id: str) -> int:
    lines = ProgressLines()
    with experiments(target, None) as stub:
        try:
            ended = follow(stub, run_id, lines.show)
        finally:
            lines.close()
        reports = {
            name: fetch_report(stub, run_id, report_format)
            for name, report_format in FORMATS.items()
        }
        logs = b""
        if asked.builds:
            logs = fetch_report(stub, run_id, ReportFormat.REPORT_FORMAT_BUILD_LOGS)
    folder = asked.data / "reports" / run_id
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in reports.items():
        (folder / f"report.{_SUFFIXES[name]}").write_bytes(content)
    if logs:
        (folder / "build.log").write_bytes(logs)
    if asked.as_json:
        click.echo(reports["json"])
    else:
        print_terminal(reports["json"])
    click.echo(f"report: {folder / 'report.html'} (also .md and .json)", err=True)
    if ended.state == RunState.RUN_STATE_DONE:
        if asked.request.aa:
            return aa_status(reports["json"])
        return REJECTED if _is_rejected(reports["json"]) else 0
    if ended.state == RunState.RUN_STATE_CANCELLED:
        return _INTERRUPTED
    click.echo(f"headstart: the run failed: {ended.reason}", err=True)
    return SYSTEM_FAILED
