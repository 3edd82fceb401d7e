"""What became of each variant: measured, or why not, with the evidence."""

import posixpath
from collections import Counter
from collections.abc import Iterable, Sequence

from headstart.collector.analysis.images import mislabelled
from headstart.collector.analysis.trials.trial_records import RunRecords, Trial
from headstart.collector.analysis.trials.validity import answers_wrongly, wrong_share
from headstart.collector.findings import Effect, InvalidTrial, VariantOutcome
from headstart.v1.experiment_pb2 import Compilation, Experiment, Variant
from headstart.v1.records_pb2 import (
    BinaryKind,
    CheckOutcome,
    Failure,
    FailureCode,
    FlagEffect,
    ImageFacts,
    ResolvedVariant,
)
from headstart.words.enums import word
from headstart.words.foreign.secrets import shown_words
from headstart.words.outcomes import Outcome

_OUTCOMES = {
    FailureCode.FAILURE_CODE_IMAGE_MISSING: Outcome.IMAGE_MISSING,
    FailureCode.FAILURE_CODE_PULL: Outcome.NOT_PULLED,
    FailureCode.FAILURE_CODE_CONTEXT: Outcome.NO_CONTEXT,
    FailureCode.FAILURE_CODE_PORT_IN_USE: Outcome.PORT_IN_USE,
    FailureCode.FAILURE_CODE_DOES_NOT_START: Outcome.DOES_NOT_START,
    FailureCode.FAILURE_CODE_NOT_READY: Outcome.NEVER_READY,
    FailureCode.FAILURE_CODE_DIED: Outcome.DIES,
    FailureCode.FAILURE_CODE_OUT_OF_MEMORY: Outcome.OUT_OF_MEMORY,
    FailureCode.FAILURE_CODE_OUT_OF_DISK: Outcome.FILLS_DISK,
    FailureCode.FAILURE_CODE_LOAD_DRIVER_MISSING: Outcome.LOAD_DRIVER_MISSING,
    FailureCode.FAILURE_CODE_LOAD_DRIVER_FAILED: Outcome.LOAD_DRIVER_FAILED,
    FailureCode.FAILURE_CODE_REFUSED_BY_POLICY: Outcome.REFUSED,
    FailureCode.FAILURE_CODE_ENGINE: Outcome.ENGINE_FAILED,
    FailureCode.FAILURE_CODE_COMPANION: Outcome.COMPANION_FAILED,
    FailureCode.FAILURE_CODE_BUILD: Outcome.DOES_NOT_BUILD,
    FailureCode.FAILURE_CODE_CANCELLED: Outcome.CANCELLED,
    FailureCode.FAILURE_CODE_AGENT: Outcome.AGENT_FAILED,
    FailureCode.FAILURE_CODE_CHECK_FAILED: Outcome.CHECKS_FAIL,
}
_EFFECTS = {
    FlagEffect.FLAG_EFFECT_STARTUP_INVALID: Effect.STARTUP,
    FlagEffect.FLAG_EFFECT_LOAD_INVALID: Effect.LOAD,
    FlagEffect.FLAG_EFFECT_TRIAL_INVALID: Effect.TRIAL,
    FlagEffect.FLAG_EFFECT_PHASE_INVALID: Effect.MEMORY,
}
_CHECKS_SHOWN = 5


def variant_outcomes(experiment: Experiment, run: RunRecords) -> tuple[VariantOutcome, ...]:
    """In the order of the experiment file."""
    resolved = {v.variant: v for v in run.started.variants} if run.started else {}
    return tuple(
        _outcome(
            variant,
            resolved.get(variant.name, ResolvedVariant()),
            [trial for trial in run.trials if trial.variant == variant.name],
            run.images.get(variant.name, ImageFacts()),
        )
        for variant in experiment.variants
    )


def invalid_trials(trials: Iterable[Trial]) -> tuple[InvalidTrial, ...]:
    """Every reason for which a trial's figures are left out, wholly or in part."""
    found = []
    for trial in trials:
        reasons = [
            (_EFFECTS[flag.effect], flag.code, flag.text)
            for flag in trial.outcome.flags
            if flag.effect in _EFFECTS
        ]
        if trial.companion_failed:
            text = trial.outcome.failure.message
            reasons.append((Effect.TRIAL, "companion-failed", text))
        reasons += [
            (Effect.TRIAL, "check-failed", sentence)
            for sentence in map(_check_sentence, trial.failing_checks().values())
        ]
        wrong = 0 if trial.companion_failed else trial.outcome.load.incorrect
        if wrong and not any(effect in (Effect.LOAD, Effect.TRIAL) for effect, _, _ in reasons):
            text = (
                f"{wrong} responses ({wrong_share(trial) * 100:.3g} %) under load were not correct"
            )
            reasons.append((Effect.LOAD, "incorrect-responses", text))
        found += [
            InvalidTrial(trial.number, trial.outcome.block, trial.variant, effect, code, text)
            for effect, code, text in reasons
        ]
    return tuple(found)


def _outcome(
    variant: Variant, resolved: ResolvedVariant, trials: list[Trial], facts: ImageFacts
) -> VariantOutcome:
    failed = [trial for trial in trials if trial.outcome.HasField("failure")]
    failure = _failure(resolved, failed)
    beside = [trial.outcome.failure.message for trial in trials if trial.companion_failed]
    checks = {name: check for trial in trials for name, check in trial.failing_checks().items()}
    flags = Counter(code for t in trials for code in {flag.code for flag in t.outcome.flags})
    return VariantOutcome(
        variant=variant.name,
        compilation=word(Compilation, variant.compilation),
        source=_source(variant),
        digest=resolved.digest,
        trials=len(trials),
        trials_failed=len(failed),
        trials_invalid=len({invalid.trial for invalid in invalid_trials(trials)}),
        outcome=_word(resolved, trials, failure, bool(checks)),
        failure_message=failure.message,
        output_tail=failure.output_tail or _tail_of(failed),
        checks_passed=sum(trial.outcome.checks_passed for trial in trials),
        checks_failed=sum(len(trial.failing_checks()) for trial in trials),
        failing_checks=tuple(map(_check_sentence, list(checks.values())[:_CHECKS_SHOWN])),
        flags=dict(flags),
        argv=tuple(resolved.argv),
        description=variant.description,
        binary_kind=word(BinaryKind, facts.binary_kind),
        mislabelled=mislabelled(variant, facts),
        failure=_OUTCOMES.get(failure.code) if failed else None,
        load_answers=sum(trial.outcome.load.completed for trial in trials),
        bodies_checked=sum(trial.outcome.load.bodies_checked for trial in trials),
        bodies_wrong=sum(trial.outcome.load.bodies_wrong for trial in trials),
        statuses_unread=sum(trial.outcome.load.statuses_untold for trial in trials),
        trials_wrong_under_load=sum(answers_wrongly(t) and not t.companion_failed for t in trials),
        trials_failing_checks=sum(bool(trial.failing_checks()) for trial in trials),
        trials_companion_failed=len(beside),
        companion_message=next(iter(beside), ""),
    )


def _failure(resolved: ResolvedVariant, failed: Sequence[Trial]) -> Failure:
    """The most frequent failure of the trials, at its first occurrence.

    What failed beside the app counts only where nothing else did.
    """
    if resolved.HasField("failure"):
        return resolved.failure
    failed = [trial for trial in failed if not trial.companion_failed] or failed
    if not failed:
        return Failure()
    code, _ = Counter(trial.outcome.failure.code for trial in failed).most_common(1)[0]
    return next(t.outcome.failure for t in failed if t.outcome.failure.code == code)


def _word(
    resolved: ResolvedVariant, trials: Sequence[Trial], failure: Failure, checks_fail: bool
) -> Outcome:
    if resolved.HasField("failure"):
        return _OUTCOMES.get(failure.code, Outcome.CANNOT_BE_RUN)
    if not trials:
        return Outcome.NOT_RUN
    told = [trial for trial in trials if not trial.companion_failed]
    if not any(trial.first_response_ns for trial in told):
        return _OUTCOMES.get(failure.code, Outcome.DOES_NOT_START)
    return Outcome.CHECKS_FAIL if checks_fail else Outcome.MEASURED


def _tail_of(failed: Sequence[Trial]) -> str:
    return next((t.outcome.output_tail for t in failed if t.outcome.output_tail), "")


def _check_sentence(check: CheckOutcome) -> str:
    others = len(check.differences) - 1
    more = f", and {others} more difference{'s' if others > 1 else ''}" if others > 0 else ""
    return f"{check.check}: expected {check.expected}, got {check.actual}{more}"


def _source(variant: Variant) -> str:
    source = variant.WhichOneof("source")
    if source == "image":
        return variant.image
    if source == "build":
        dockerfile = variant.build.dockerfile or "Dockerfile"
        if variant.build.HasField("git"):
            dockerfile = posixpath.normpath(f"{variant.build.context}/{dockerfile}")
        return f"built from {dockerfile}"
    return " ".join(shown_words(variant.command.argv))
