"""The trials of a run under load: each by itself, and in the company of its variant's others."""

from collections.abc import Iterable, Mapping

from headstart.collector.analysis.courses import Seen, Together, together
from headstart.collector.analysis.figures import Part, Standing, standing
from headstart.collector.analysis.load import TrialLoad, load_of
from headstart.collector.analysis.trials import Trial
from headstart.collector.analysis.warmup import Course


def is_valid(trial: Trial) -> bool:
    """Whether the load of a trial counts."""
    return standing(trial, Part.LOAD) is Standing.VALID


def loads_of(trials: Iterable[Trial]) -> tuple[dict[int, TrialLoad], dict[str, Together]]:
    """By trial, and by variant; trials that failed under load are left out: theirs is a torso."""
    found, whole = {}, {}
    for trial in trials:
        if not trial.outcome.HasField("failure"):
            load = load_of(trial, is_valid(trial))
            if load is not None:
                found[trial.number], whole[trial.number] = load, trial
    variants = by_variant(load.seen for load in found.values())
    for number, course in in_company(variants).items():
        again = load_of(whole[number], is_valid(whole[number]), course)
        if again is not None:
            found[number] = again
    return found, variants


def by_variant(trials: Iterable[Seen]) -> dict[str, Together]:
    """What the trials of each variant tell together."""
    sorted_out: dict[str, list[Seen]] = {}
    for trial in trials:
        sorted_out.setdefault(trial.variant, []).append(trial)
    return {variant: together(seen) for variant, seen in sorted_out.items()}


def in_company(variants: Mapping[str, Together]) -> dict[int, Course]:
    """By trial: the course of those that could not tell by themselves."""
    return {number: course for told in variants.values() for number, course in told.courses.items()}
