"""Where each variant stops keeping up with a rate that rises, in words."""

from collections.abc import Iterator
from statistics import median

from headstart.collector.findings import Ramp, RunResult
from headstart.collector.findings.quantities import quantity


def ramp_sentences(result: RunResult) -> Iterator[str]:
    """What each variant held, a sentence each."""
    for name in dict.fromkeys(ramp.variant for ramp in result.load.ramps):
        own = ramps_used(result, name)
        lowest, highest = own[0].offered_per_second[0], own[0].offered_per_second[-1]
        held = [ramp.held_per_second for ramp in own if ramp.held_per_second is not None]
        trials = "1 trial" if len(own) == 1 else f"{len(own)} trials"
        if 2 * len(held) <= len(own):
            yield f"{name} did not even hold {quantity(lowest, 'per_second')} ({trials})."
        elif 2 * sum(ramp.saturated for ramp in own) > len(own):
            rate = quantity(median(held), "per_second")
            yield f"{name} holds a rising rate up to {rate} and falls behind beyond it ({trials})."
        else:
            rate = quantity(highest, "per_second")
            yield (
                f"{name} held every rate up to {rate} ({trials}): "
                "its highest is not known, and a ratio of it too small."
            )


def ramps_used(result: RunResult, name: str) -> list[Ramp]:
    """The valid ones; where there is none, all."""
    own = [ramp for ramp in result.load.ramps if ramp.variant == name]
    return [ramp for ramp in own if ramp.valid] or own
