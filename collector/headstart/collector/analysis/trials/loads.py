"""The trials of a run under load: each by itself, and in the company of its variant's others."""

from collections.abc import Iterable, Mapping

from headstart.collector.analysis.trials.load import TrialLoad, load_of, seen_of
from headstart.collector.analysis.trials.trial_records import Trial
from headstart.collector.analysis.trials.validity import Validity, validity_of
from headstart.collector.analysis.warmup.courses import Seen, Together, together
from headstart.collector.analysis.warmup.detection import Course
from headstart.words.metric import Stage


def is_valid(trial: Trial) -> bool:
    """Whether the load of a trial counts."""
    return validity_of(trial, Stage.LOAD) is Validity.VALID


def loads_of(trials: Iterable[Trial]) -> tuple[dict[int, TrialLoad], dict[str, Together]]:
    """By trial, and by variant; those that failed under load are left out, as incomplete."""
    whole = [trial for trial in trials if not trial.outcome.HasField("failure")]
    windows = [trial.windows() for trial in whole]
    seen = [seen_of(t, is_valid(t), own) for t, own in zip(whole, windows, strict=True)]
    variants = by_variant(each for each in seen if each is not None)
    told = decided_jointly(variants)
    loads = [
        load_of(t, is_valid(t), told.get(t.number), own)
        for t, own in zip(whole, windows, strict=True)
    ]
    return {load.warmup.trial: load for load in loads if load is not None}, variants


def by_variant(trials: Iterable[Seen]) -> dict[str, Together]:
    """What the trials of each variant tell together."""
    sorted_out: dict[str, list[Seen]] = {}
    for trial in trials:
        sorted_out.setdefault(trial.variant, []).append(trial)
    return {variant: together(seen) for variant, seen in sorted_out.items()}


def decided_jointly(variants: Mapping[str, Together]) -> dict[int, Course]:
    """By trial: the course of those that could not tell by themselves."""
    return {number: course for told in variants.values() for number, course in told.courses.items()}
