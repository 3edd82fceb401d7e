"""What the store knows of a run besides its records."""

from dataclasses import dataclass

from headstart.v1.experiment_pb2 import Experiment
from headstart.v1.experiments_pb2 import RunState
from headstart.v1.host_pb2 import HostFacts


@dataclass(frozen=True)
class RunInfo:
    """One run, at its current attempt. Times are Unix seconds; 0: not yet."""

    run_id: str
    attempt: int
    experiment: Experiment
    host: HostFacts
    state: RunState.ValueType
    reason: str
    started_time_seconds: float
    ended_time_seconds: float

    def another_by_plan(self, blocks_done: int) -> tuple[bool, str]:
        """Whether another block follows by the plan's number, fixed or at most; and why."""
        plan = self.experiment.plan
        planned = plan.blocks or plan.maximum_blocks
        return blocks_done < planned, f"{blocks_done} of {planned} blocks"
