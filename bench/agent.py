"""What an agent costs: its memory at rest, and the time of a trial beyond its phases.

A real `headstart agent` and a real collector. A trial's time is counted from its
beginning to that of the next one, by the agent's own stamps; what the plan asks
for (startup, idle, load, settled) and the wait for a quiet host are taken off.
"""

import os
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench.fleet import Fleet, fleet
from bench.table import BenchRow
from headstart.agent.instances import RuntimeFault
from headstart.agent.runtimes.docker_runtime import DockerRuntime
from headstart.v1.records_pb2 import CheckOutcome, Phase, Record, TrialOutcome, TrialStarted
from support.images import image_of
from support.policies import everything_allowed
from support.truth_server import build_truth_server

MEMORY_BYTES = 60_000_000
TRIAL_SECONDS = 0.5
IDLE_SECONDS = SETTLE_SECONDS = 0.2
LOAD_SECONDS = 1.0
# Heartbeats and the first answers of the collector are over by then.
_REST_SECONDS = 5.0
_PLANNED = {
    Phase.PHASE_IDLE: IDLE_SECONDS,
    Phase.PHASE_LOAD: LOAD_SECONDS,
    Phase.PHASE_SETTLED: SETTLE_SECONDS,
}


@dataclass(frozen=True)
class Cost:
    """Seconds of one trial, by what they went for; all but the quiet wait are its cost."""

    variant: str
    quiet_wait: float
    parts: dict[str, float]

    @property
    def seconds(self) -> float:
        """Beyond phases, startup and the quiet wait."""
        return sum(self.parts.values())


def run(quick: bool) -> list[BenchRow]:
    """Four rows, half a minute to a minute; without an engine no container is tried."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="headstart-bench-")))
        program = build_truth_server(folder)
        image = stack.enter_context(image_of(program, _IMAGE)) if _has_engine(folder) else None
        policy = f'images = ["{_IMAGE}"]\ncommands = true\n'
        one = stack.enter_context(fleet(folder, policy))
        rows = [_memory_row("connected, before any run", one)]
        records = one.run(_experiment(program, image, blocks=4 if quick else 12))
        costs = list(trial_costs(records))
        rows += [
            _cost_row(variant, [cost for cost in costs if cost.variant == variant])
            for variant in sorted({cost.variant for cost in costs})
        ]
        rows.append(_memory_row("after a run", one, judged=False))
    return rows


_IMAGE = f"headstart-bench-agent:{os.getpid()}"


def _has_engine(folder: Path) -> bool:
    try:
        DockerRuntime.connect(folder / "none", everything_allowed()).close()
    except RuntimeFault:
        return False
    return True


def _experiment(program: Path, image: str | None, blocks: int) -> dict[str, Any]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    argv = [str(port), "10"]
    variants: dict[str, Any] = {"process": {"command": [str(program), *argv]}}
    other = {"image": image, "entrypoint": ["/bin/app", *argv]} if image else variants["process"]
    variants["container" if image else "process again"] = other
    return {
        "experiment": "cost-of-a-trial",
        "baseline": "process",
        "variants": variants,
        "service": {"port": port, "ready": "GET /", "checks": ["GET /x -> 200"]},
        "load": {
            "request": "GET /x",
            "connections": 2,
            "duration": f"{LOAD_SECONDS:g}s",
            "driver": "builtin",
            "rate": "100/s",
        },
        "plan": {
            "blocks": blocks,
            "load_every": 2,
            "idle": f"{IDLE_SECONDS:g}s",
            "settle": f"{SETTLE_SECONDS:g}s",
            "quiet": "2s",
        },
    }


def trial_costs(records: Sequence[Record]) -> Iterator[Cost]:
    """Of every trial that was measured whole and that another one followed."""
    started = [r.trial_started for r in records if r.HasField("trial_started")]
    outcomes = {r.trial_outcome.trial: r.trial_outcome for r in records if _is_outcome(r)}
    checks = {r.check_outcome.trial: r.check_outcome for r in records if _is_check(r)}
    for this, following in pairwise(started):
        outcome = outcomes.get(this.trial)
        if outcome is not None and not outcome.HasField("failure"):
            yield cost_of(this, outcome, checks[this.trial], following)


def cost_of(
    started: TrialStarted, outcome: TrialOutcome, check: CheckOutcome, following: TrialStarted
) -> Cost:
    """Where a trial's time went. The parts and what was planned add up to all of it."""
    startup = outcome.startup
    readings = [m.monotonic_ns for m in outcome.memory]
    planned = sum(_PLANNED.get(m.phase, 0.0) for m in outcome.memory)
    gate_to_answer = (startup.first_correct_response_monotonic_ns, readings[0])
    parts = {
        "create": _seconds(started.monotonic_ns, startup.start_call_monotonic_ns),
        "start": _seconds(startup.start_call_monotonic_ns, startup.engine_ready_monotonic_ns),
        "arming": _seconds(startup.engine_ready_monotonic_ns, startup.gate_opened_monotonic_ns)
        - startup.quiet_wait_seconds,
        "readings": _seconds(*gate_to_answer) + _seconds(readings[0], readings[-1]) - planned,
        "checks": _seconds(readings[-1], check.monotonic_ns),
        "removal": _seconds(check.monotonic_ns, outcome.ended_monotonic_ns),
        "to the next": _seconds(outcome.ended_monotonic_ns, following.monotonic_ns),
    }
    return Cost(outcome.variant, startup.quiet_wait_seconds, parts)


def _is_outcome(record: Record) -> bool:
    return record.HasField("trial_outcome")


def _is_check(record: Record) -> bool:
    return record.HasField("check_outcome")


def _seconds(begin_ns: int, end_ns: int) -> float:
    return (end_ns - begin_ns) / 1e9


def _cost_row(variant: str, costs: Sequence[Cost]) -> BenchRow:
    seconds = statistics.median(cost.seconds for cost in costs)
    quiet = statistics.median(cost.quiet_wait for cost in costs)
    parts = ", ".join(
        f"{name} {statistics.median(cost.parts[name] for cost in costs) * 1e3:.0f}"
        for name in costs[0].parts
    )
    return BenchRow(
        what=f"one trial of a {variant} beyond its phases and its startup",
        measured=f"{seconds:.3f} s (most {max(c.seconds for c in costs):.2f}), {len(costs)} trials",
        budget=f"<= {TRIAL_SECONDS:g} s",
        ratio=f"ms: {parts}; apart from it {quiet:.2f} s until the host was quiet",
        ok=seconds <= TRIAL_SECONDS,
    )


def _memory_row(when: str, one: Fleet, *, judged: bool = True) -> BenchRow:
    time.sleep(_REST_SECONDS)
    rss = _kilobytes(Path(f"/proc/{one.agent_pid}/status"), "VmRSS:")
    pss = _kilobytes(Path(f"/proc/{one.agent_pid}/smaps_rollup"), "Pss:")
    return BenchRow(
        what=f"memory of `headstart agent` at rest, {when}",
        measured=f"RSS {rss / 1e6:.1f} MB, PSS {pss / 1e6:.1f} MB",
        budget=f"RSS and PSS <= {MEMORY_BYTES / 1e6:.0f} MB" if judged else "-",
        ratio="",
        ok=max(rss, pss) <= MEMORY_BYTES if judged else None,
    )


def _kilobytes(file: Path, name: str) -> int:
    """A line of /proc in kB, as bytes."""
    line = next(line for line in file.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024
