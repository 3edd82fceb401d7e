"""Whether a run that stops when decided needs another block."""

from headstart.collector.findings import GateStatus, RunResult, Verdict
from headstart.v1.experiment_pb2 import Plan
from headstart.words.looks import LOOKS, PILOT_BLOCKS, cap_of, until_look, waiting
from headstart.words.metrics import METRICS

# Each look has a quarter of it, so that looking four times does not make four chances of a
# false verdict.
ERROR_BUDGET = 0.05


def confidence_of(plan: Plan) -> float:
    """Of each interval: 95 %, or for repeated looks what makes all of them hold with 95 %."""
    return 1 - ERROR_BUDGET / (1 if plan.blocks else len(LOOKS))


def decide_blocks(result: RunResult, plan: Plan) -> tuple[bool, str]:
    """Whether to run another block, and why, as the end of a sentence."""
    done = result.blocks_completed
    if plan.blocks:
        return done < plan.blocks, f"the plan has {plan.blocks} blocks"
    cap = cap_of(plan.maximum_blocks)
    if done >= cap:
        return False, f"the cap of {cap} blocks is reached"
    headline = [c for c in result.comparisons if METRICS[c.metric].headline]
    if done >= PILOT_BLOCKS and all(c.verdict is Verdict.UNAVAILABLE for c in headline):
        return False, "there is nothing to compare"
    if done not in LOOKS:
        return True, waiting(until_look(done, plan.maximum_blocks) or min(LOOKS[0], cap))
    open_ones = [c for c in headline if c.verdict is Verdict.INCONCLUSIVE]
    undecided = [f"{c.variant} {c.metric}" for c in open_ones if c.more_blocks_settle]
    left_open = [f"{c.variant} {c.metric}" for c in open_ones if not c.more_blocks_settle]
    # A limit that more blocks would decide; not one that the figure lies on.
    undecided += [
        f"{gate.variant} {gate.limit.metric}"
        for gate in result.gate_outcomes
        if gate.status is GateStatus.UNDECIDED and gate.more_blocks is not None
    ]
    undecided = list(dict.fromkeys(undecided))
    if undecided:
        return True, f"undecided after {done} blocks: {', '.join(undecided)}"
    if left_open:
        return False, (
            f"more than {done} blocks on a host like this do not settle what is open, since trials"
            f" were disturbed: {', '.join(left_open)}"
        )
    return False, f"every verdict is decided after {done} blocks"
