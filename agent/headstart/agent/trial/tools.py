"""What an agent lends to every run; apart from runs, which an agent at rest does not load."""

from collections.abc import Callable
from dataclasses import dataclass

from headstart.agent.cancellation import Cancellation
from headstart.agent.policy.host_secrets import HostSecrets
from headstart.agent.runtimes.runtime import RuntimeTable
from headstart.agent.uplink.context_fetch import FetchFor, no_fetch_for
from headstart.agent.uplink.spool import Spool
from headstart.v1.experiment_pb2 import Build, Experiment, Network
from headstart.v1.host_pb2 import HostFacts
from headstart.v1.records_pb2 import Failure


@dataclass
class Tools:
    """One set for a run: the policy in it is that of its lease."""

    spool: Spool
    # Opened anew for each run, so that an engine that was restarted is found again; given
    # what cancels the run.
    runtimes: Callable[[Cancellation], RuntimeTable]
    # Given the CPUs of the server and of the load.
    host: Callable[[str, str], HostFacts]
    commands_allowed: bool
    # Why no container may have a network, by the host's policy; None: it may.
    network_refusal: Callable[[Network.ValueType], str | None] = lambda _network: None
    # Why nothing may run at all: the policy cannot be read.
    refused: Failure | None = None
    # Reads what an experiment refers to, as far as the policy lets it.
    secrets: Callable[[Experiment], HostSecrets] = lambda _experiment: HostSecrets()
    # Why the context of a build is not brought here, by the host's policy; None: it may be.
    context_refusal: Callable[[Build], str | None] = lambda _build: None
    # Fetches the context of a build for an attempt.
    fetch: FetchFor = no_fetch_for
