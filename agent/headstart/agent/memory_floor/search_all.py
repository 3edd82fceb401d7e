"""The memory floors of a run's variants, one after the other, after its blocks."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from headstart.agent.deadline import Deadline
from headstart.agent.memory_floor.limit_probe import FloorProbe
from headstart.agent.memory_floor.search import MAXIMUM_PROBES, Settings, find_floor
from headstart.agent.runtimes.runtime import Runtime
from headstart.agent.trial.trial import TrialContext
from headstart.v1.records_pb2 import MemoryFloor, ResolvedVariant

_RESOLUTION_BYTES = 1 << 20
_LOAD_SECONDS = 3.0
_MAXIMUM_SECONDS = 600.0
_THROUGHPUT_SHARE = 0.5


def measure_floors(
    context: TrialContext,
    variants: Iterable[tuple[ResolvedVariant, Runtime]],
    first_trial: int,
    doing: Callable[[str], None],
) -> Iterator[MemoryFloor]:
    """A record for each variant, until the run is cancelled; nothing of a probe stays behind.

    `first_trial`: a number that no trial of the run has.
    """
    plan = context.experiment.plan
    share = plan.memory_floor_throughput_share or _THROUGHPUT_SHARE
    load_seconds = plan.memory_floor_load_seconds or _LOAD_SECONDS
    for index, (variant, runtime) in enumerate(variants):
        if context.cancelled.is_set():
            return
        probe = FloorProbe(
            variant=variant,
            runtime=runtime,
            context=context,
            load_seconds=load_seconds,
            throughput_share=share,
            trial=first_trial + index * MAXIMUM_PROBES,
            doing=partial(_say, doing, variant.variant),
        )
        settings = Settings(
            resolution_bytes=plan.memory_floor_resolution_bytes or _RESOLUTION_BYTES,
            ceiling_bytes=plan.memory_limit_bytes,
            over=_over(context, plan.memory_floor_maximum_seconds or _MAXIMUM_SECONDS),
        )
        floor = find_floor(variant.variant, probe, settings)
        floor.load_seconds = load_seconds
        floor.throughput_share = share
        floor.reason = "; ".join(filter(None, [floor.reason, *sorted(probe.limits)]))
        yield floor


def _say(doing: Callable[[str], None], variant: str, words: str) -> None:
    doing(f"{variant}: {words}")


def _over(context: TrialContext, maximum_seconds: float) -> Callable[[], str]:
    deadline = Deadline(maximum_seconds)

    def over() -> str:
        if context.cancelled.is_set():
            return "the run was cancelled"
        if deadline.passed():
            return f"its {maximum_seconds:g} s were over"
        return ""

    return over
