"""What a trial's values may be used for: flags spoil a stage of it, wrong answers all."""

from collections.abc import Collection
from enum import Enum
from math import sqrt

from headstart.collector.analysis.trials.trial_records import Trial
from headstart.v1.records_pb2 import FailureCode, FlagEffect, LoadSummary, Phase
from headstart.words.metric import Stage

# More wrong answers than this and the variant did other work than was asked for.
WRONG_SHARE = 0.01
_Z = 1.96


class Validity(Enum):
    """What a trial's value may be used for."""

    VALID = 1
    # The host or the generator disturbed it: used only where too few are valid.
    FLAGGED = 2
    # The app answered wrongly: it did other work, so its speed says nothing.
    WRONG = 3


_PHASE = FlagEffect.FLAG_EFFECT_PHASE_INVALID
_SPOILED_BY = {
    Stage.STARTUP: {FlagEffect.FLAG_EFFECT_STARTUP_INVALID, FlagEffect.FLAG_EFFECT_TRIAL_INVALID},
    Stage.LOAD: {FlagEffect.FLAG_EFFECT_LOAD_INVALID, FlagEffect.FLAG_EFFECT_TRIAL_INVALID},
    Stage.ANY: {FlagEffect.FLAG_EFFECT_TRIAL_INVALID},
    Stage.JOBS: {FlagEffect.FLAG_EFFECT_LOAD_INVALID, FlagEffect.FLAG_EFFECT_TRIAL_INVALID},
}


def validity_of(trial: Trial, stage: Stage, phases: Collection[Phase.ValueType] = ()) -> Validity:
    """What a value of this stage of the trial is worth, read in these of its phases."""
    if trial.companion_failed:
        return Validity.FLAGGED
    if trial.failing_checks() or trial.outcome.checks_failed:
        return Validity.WRONG
    if trial.outcome.failure.code == FailureCode.FAILURE_CODE_CHECK_FAILED:
        return Validity.WRONG
    if stage is Stage.LOAD and answers_wrongly(trial):
        return Validity.WRONG
    if any(flag.effect in _SPOILED_BY[stage] for flag in trial.outcome.flags):
        return Validity.FLAGGED
    if any(flag.effect == _PHASE and flag.phase in phases for flag in trial.outcome.flags):
        return Validity.FLAGGED
    if stage is Stage.LOAD and trial.outcome.load.incorrect:
        return Validity.FLAGGED
    return Validity.VALID


def answers_wrongly(trial: Trial) -> bool:
    """Whether surely more than 1 % of the responses under load were not correct."""
    return wrong_share_interval(trial.outcome.load)[0] > WRONG_SHARE


def wrong_share(trial: Trial) -> float:
    """Share of the completed responses of the load that were not correct; an estimate where only
    some were judged."""
    load = trial.outcome.load
    return load.incorrect / load.completed if load.completed else 0.0


def wrong_share_interval(load: LoadSummary) -> tuple[float, float]:
    """Between which shares of the responses were not correct, with 95 %.

    What follows from the status of every response is exact. Of those of which only some were
    judged by their body, the interval is Wilson's (1927) around the share found, which is
    within a window's the same for all: the responses are judged evenly over time.
    """
    if not load.completed:
        return 0.0, 0.0
    share = load.incorrect / load.completed
    if not load.bodies_wrong:
        return share, share
    low, high = _wilson(load.bodies_wrong, load.bodies_checked)
    by_status = max(0.0, share - load.bodies_wrong / load.bodies_checked)
    return min(share, by_status + low), min(1.0, by_status + high)


def _wilson(found: int, of: int) -> tuple[float, float]:
    share, z2 = found / of, _Z * _Z
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    reach = _Z / (1 + z2 / of) * sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    return max(0.0, middle - reach), min(1.0, middle + reach)
