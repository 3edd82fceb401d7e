"""What a trial's values may be used for: flags spoil a stage of it, wrong answers all."""

from collections.abc import Collection
from enum import Enum

from headstart.collector.analysis.trials.trial_records import Trial
from headstart.v1.records_pb2 import FailureCode, FlagEffect, Phase
from headstart.words.metric import Stage

# More wrong answers than this and the variant did other work than was asked for.
WRONG_SHARE = 0.01


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
    if trial.failing_checks() or trial.outcome.checks_failed:
        return Validity.WRONG
    if trial.outcome.failure.code == FailureCode.FAILURE_CODE_CHECK_FAILED:
        return Validity.WRONG
    if stage is Stage.LOAD and wrong_share(trial) > WRONG_SHARE:
        return Validity.WRONG
    if any(flag.effect in _SPOILED_BY[stage] for flag in trial.outcome.flags):
        return Validity.FLAGGED
    if any(flag.effect == _PHASE and flag.phase in phases for flag in trial.outcome.flags):
        return Validity.FLAGGED
    if stage is Stage.LOAD and trial.outcome.load.incorrect:
        return Validity.FLAGGED
    return Validity.VALID


def wrong_share(trial: Trial) -> float:
    """Share of the completed responses of the load that were not correct."""
    load = trial.outcome.load
    return load.incorrect / load.completed if load.completed else 0.0
