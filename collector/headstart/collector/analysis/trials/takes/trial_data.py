"""What a take looks at."""

from collections.abc import Callable
from dataclasses import dataclass

from headstart.collector.analysis.trials.load import TrialLoad
from headstart.collector.analysis.trials.trial_records import Trial


@dataclass(frozen=True)
class TrialData:
    """One trial, its load if it had one, and whether the experiment applies load at all."""

    trial: Trial
    load: TrialLoad | None
    load_planned: bool


# The value in the metric's unit; None: the trial has none.
Take = Callable[[TrialData], float | None]
