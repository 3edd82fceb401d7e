"""From a submitted file to an experiment and the hosts that it runs on, or what is wrong."""

import asyncio
from collections.abc import Mapping, Sequence

import grpc

from headstart.collector.api.problems import mistaken
from headstart.collector.api.status_codes import Status
from headstart.collector.api.submitted_contexts import put_contexts
from headstart.collector.config import Limits
from headstart.collector.experiments.aa import NoSuchVariant, as_aa
from headstart.collector.store import hosts as store_hosts
from headstart.collector.store.contexts import Contexts
from headstart.collector.store.queue import Wish
from headstart.v1.experiment_pb2 import Experiment
from headstart.v1.experiments_pb2 import HostState, Problem, SubmitRequest

# A lease must fit into a message beside little else.
_LARGEST_EXPERIMENT_SHARE = 0.9
_LISTED_HOSTS = 10
MOST_PRIORITY = 100
_LONGEST_WAIT_SECONDS = 366 * 86400.0


async def experiment_of(
    request: SubmitRequest, limits: Limits, contexts: Contexts | None = None
) -> Experiment:
    """The experiment that a file states. Raises Status with every problem."""
    # pydantic and YAML take half of a collector's start, and the first file can wait for them.
    from headstart.collector.experiments.file import ExperimentProblems, load_experiment

    size = len(request.source_text.encode())
    if size > limits.source_bytes:
        raise _refused(f"the file has {size} bytes; at most {limits.source_bytes} are taken")
    try:
        # A second of work for the largest file.
        experiment = await asyncio.to_thread(
            load_experiment,
            request.source_text,
            request.base_directory,
            request.file_name or "experiment.yaml",
            request.revision,
        )
    except ExperimentProblems as error:
        raise mistaken(str(error), error.problems) from error
    put_contexts(experiment, request, contexts)
    if request.aa:
        try:
            experiment = as_aa(experiment, request.aa_variant)
        except NoSuchVariant as error:
            raise _refused(str(error)) from error
    if request.keep_going:
        experiment.plan.keep_going = True
    most = int(limits.message_bytes * _LARGEST_EXPERIMENT_SHARE)
    if experiment.ByteSize() > most:
        raise _refused(
            f"the experiment has {experiment.ByteSize()} bytes once its defaults are "
            f"filled in; at most {most} reach an agent"
        )
    return experiment


def hosts_for(
    experiment: Experiment, known: list[HostState], seen_after: float, limits: Limits
) -> list[str]:
    """Hosts that have the experiment's labels and are not long gone. Raises Status."""
    labels = dict(experiment.hosts.labels)
    hosts = store_hosts.matching(known, labels, seen_after)
    if not hosts:
        raise Status(grpc.StatusCode.FAILED_PRECONDITION, _no_host(labels, known))
    if len(hosts) > limits.runs_per_submit:
        raise _refused(
            f"{len(hosts)} hosts match, at most {limits.runs_per_submit} may: "
            "ask for labels that fewer have"
        )
    return hosts


def wish_of(request: SubmitRequest, candidates: Sequence[str], now: float) -> Wish:
    """How it wants to wait. Raises Status with every mistake."""
    mistakes = []
    if abs(request.priority) > MOST_PRIORITY:
        mistakes.append(
            f"the priority is {request.priority}; expected -{MOST_PRIORITY} to {MOST_PRIORITY}"
        )
    if not 0 <= request.expires_seconds <= _LONGEST_WAIT_SECONDS:
        mistakes.append(f"it expires in {request.expires_seconds:g} s; expected a year at most")
    if mistakes:
        raise mistaken("; ".join(mistakes), [Problem(message=each) for each in mistakes])
    return Wish(
        priority=request.priority,
        expires_seconds=now + request.expires_seconds if request.expires_seconds else 0.0,
        candidates=tuple(candidates),
        unless_busy=request.unless_busy,
    )


def _refused(message: str) -> Status:
    return mistaken(message, [Problem(message=message)])


def _no_host(labels: Mapping[str, str], known: list[HostState]) -> str:
    asked = f"no host matches ({_words(labels) or 'any host'})"
    if not known:
        return f"{asked}: no agent has ever attended this collector"
    hosts = [
        f"{state.host.host} ({_words(state.host.labels) or 'no labels'}"
        f"{'' if state.connected else ', not connected'})"
        for state in known[:_LISTED_HOSTS]
    ]
    if len(known) > _LISTED_HOSTS:
        hosts.append(f"and {len(known) - _LISTED_HOSTS} more")
    return f"{asked}; known hosts: {', '.join(hosts)}"


def _words(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(labels.items()))
