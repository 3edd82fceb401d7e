"""Whether the executions of a batch program were timed well enough, as a flag on their trial."""

from collections.abc import Sequence

from headstart.agent.execution import Execution
from headstart.agent.startup_validity import SHARE_OF_STARTUP
from headstart.v1.records_pb2 import Flag, FlagEffect

EXIT_DISAGREEMENT_SECONDS = 0.0005


def exit_stamps(
    what: str, executions: Sequence[Execution], effect: FlagEffect.ValueType
) -> Flag | None:
    """One flag for all executions of the same work whose two stamps of the exit disagree.

    The agent's stamp is late by the time that it waited for a CPU, which the kernel's is
    not; the kernel's may be some microseconds after the truth. Without the kernel's
    nothing is said. The flag holds the execution that is worst by its own limit.
    """
    apart = [(_apart(each), _limit(each)) for each in executions if each.exit_kernel_ns]
    beyond = [(seconds, limit) for seconds, limit in apart if abs(seconds) > limit]
    if not beyond:
        return None
    seconds, limit = max(beyond, key=lambda pair: abs(pair[0]) / pair[1])
    which = f"one of {len(executions)} executions" if len(executions) > 1 else "the exit"
    if len(beyond) > 1:
        which = f"{len(beyond)} of {len(executions)} executions"
    order = "after" if seconds > 0 else "before"
    return Flag(
        code="exit-stamps-disagree",
        effect=effect,
        text=f"{what}: of {which} the agent was told {abs(seconds) * 1e3:.2f} ms {order} the"
        " kernel's stamp of the exit",
        value=seconds,
        limit=limit,
    )


def _apart(execution: Execution) -> float:
    return (execution.exit_ns - execution.exit_kernel_ns) / 1e9


def _limit(execution: Execution) -> float:
    return max(EXIT_DISAGREEMENT_SECONDS, SHARE_OF_STARTUP * execution.seconds)
