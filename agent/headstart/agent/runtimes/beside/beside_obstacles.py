"""What companions ask for that a host cannot give them, found before anything is started."""

import os
from collections.abc import Iterator

from headstart.agent.linux.sysfs import online_cpus, parse_cpus
from headstart.agent.policy.keys import SMALLEST_MEMORY_BYTES
from headstart.agent.policy.policy import Policy
from headstart.agent.runtimes.obstacles import Obstacle
from headstart.v1.experiment_pb2 import Companion, Experiment, Network
from headstart.v1.records_pb2 import FailureCode

_REFUSED = FailureCode.FAILURE_CODE_REFUSED_BY_POLICY
_UNUSABLE = FailureCode.FAILURE_CODE_AGENT


def beside_obstacles(experiment: Experiment, policy: Policy) -> Iterator[Obstacle]:
    """Each forbids the run: without its companions an app is another one."""
    if not experiment.beside:
        return
    if experiment.plan.network == Network.NETWORK_HOST:
        words = (
            "companions share the app's network, and their ports and names are not to be the"
            " host's: plan.network must be own or bridge where something stands beside the app"
        )
        yield Obstacle(("plan", "network"), words, _UNUSABLE, forbids=True)
    for companion in experiment.beside:
        for key, words, code in _problems(companion, policy):
            message = f"the companion {companion.name!r}: {words}"
            yield Obstacle(("beside", companion.name, key), message, code, forbids=True)


def _problems(
    companion: Companion, policy: Policy
) -> Iterator[tuple[str, str, FailureCode.ValueType]]:
    if not policy.entrypoint:
        # Each is any program of the image, as an entrypoint would be.
        for key, is_there in (
            ("ready", companion.ready.HasField("command")),
            ("seed", companion.HasField("seed")),
        ):
            if is_there:
                other = (
                    f"its {key} is a program of its image other than the entrypoint, which the"
                    " policy of this host does not allow (entrypoint = false)"
                )
                yield key, other, _REFUSED
    if words := policy.memory_refusal(companion.memory_limit_bytes):
        yield "memory", words.replace("the plan asks", "it asks"), _REFUSED
    elif 0 < companion.memory_limit_bytes < SMALLEST_MEMORY_BYTES:
        yield "memory", "an engine gives no container less than 6 MiB of memory", _UNUSABLE
    if companion.cpu_limit > (has := os.cpu_count() or 1):
        yield (
            "cpu_limit",
            f"it asks for {companion.cpu_limit:g} CPUs, this host has {has}",
            _UNUSABLE,
        )
    try:
        missing = parse_cpus(companion.cpus) - online_cpus()
    except ValueError as error:
        yield "cpus", f"its cpus do not suit this host: {error}", _UNUSABLE
        return
    if missing:
        listed = ", ".join(map(str, sorted(missing)))
        yield "cpus", f"this host has no CPU {listed} for it", _UNUSABLE
