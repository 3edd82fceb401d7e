"""A container as this agent has it made: what its image and its needs say, within the policy."""

from headstart.agent.engine.engine import ContainerSpec
from headstart.agent.instances import InstanceSpec, RuntimeFault, labels
from headstart.agent.policy.policy import Policy
from headstart.agent.runtimes.lending import Lender
from headstart.agent.runtimes.needs_checks import problems_of, tmpfs_options
from headstart.v1.records_pb2 import ResolvedVariant


def container_of(
    spec: InstanceSpec,
    name: str,
    resolved: ResolvedVariant,
    policy: Policy,
    identity: str,
    network: str,
    memory_limit_bytes: int,
    lender: Lender,
) -> ContainerSpec:
    """A container of a trial, of a variant or beside it, with the limits that always hold.

    `memory_limit_bytes`: 0 asks for the policy's own. RuntimeFault where the policy refuses it
    or a need.
    """
    needs = resolved.needs
    for _, words, code in problems_of(needs, policy):
        raise RuntimeFault(code, words)
    return ContainerSpec(
        name=name,
        image=resolved.digest,
        argv=list(resolved.argv),
        labels=labels(identity, spec),
        network=network,
        memory_bytes=policy.memory_limit(memory_limit_bytes),
        pids=policy.pids_limit,
        disk_bytes=policy.disk_limit_bytes,
        environment=resolved.environment,
        working_directory=resolved.working_directory,
        user=resolved.user,
        read_only=needs.read_only,
        tmpfs=tmpfs_options(needs),
        shm_bytes=needs.shm_bytes,
        volumes=tuple(needs.volumes),
        lent=lender.lend(needs, policy),
        ulimits=dict(needs.ulimits),
        capabilities=tuple(needs.capabilities),
        hosts=dict(sorted(needs.hosts.items())),
    )
