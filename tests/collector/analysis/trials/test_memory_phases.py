"""Memory by phase: medians of usable trials, nothing made up where nothing was read."""

from headstart.collector.analysis.trials.memory_phases import phase_splits
from headstart.collector.analysis.trials.trial_records import Trial
from headstart.v1.records_pb2 import Flag, FlagEffect, Phase, PhaseMemory, TrialOutcome

MB = 1_000_000
IDLE, LOAD = Phase.PHASE_IDLE, Phase.PHASE_LOAD


def trial(number: int, rss_mb: int, *effects: FlagEffect.ValueType, **memory: int) -> Trial:
    phase = memory.pop("phase", IDLE)
    return Trial(
        TrialOutcome(
            trial=number,
            variant="app",
            memory=[PhaseMemory(phase=phase, rss_bytes=rss_mb * MB, **memory)],  # type: ignore[arg-type]  # numbers all
            flags=[Flag(code="restless", effect=effect) for effect in effects],
        )
    )


def test_a_phase_has_the_medians_of_its_trials() -> None:
    trials = [trial(1, 10), trial(2, 30), trial(3, 20)]

    (split,) = phase_splits(["app"], trials)

    assert (split.variant, split.phase, split.trials) == ("app", "idle", 3)
    assert split.rss_bytes == 20 * MB


def test_what_was_not_read_is_nothing_and_not_zero() -> None:
    (split,) = phase_splits(["app"], [trial(1, 10)])

    assert (split.pss_bytes, split.file_bytes, split.kernel_bytes) == (None, None, None)


def test_a_group_without_cached_files_has_none_of_them() -> None:
    (split,) = phase_splits(["app"], [trial(1, 10, cgroup_bytes=9, cgroup_anonymous_bytes=9)])

    assert (split.anonymous_bytes, split.file_bytes) == (9, 0)


def test_flagged_trials_count_only_where_no_other_did() -> None:
    spoilt = FlagEffect.FLAG_EFFECT_LOAD_INVALID
    flagged = trial(1, 99, spoilt, phase=LOAD)
    good = trial(2, 10, phase=LOAD)

    assert [split.rss_bytes for split in phase_splits(["app"], [flagged, good])] == [10 * MB]
    assert [split.rss_bytes for split in phase_splits(["app"], [flagged])] == [99 * MB]


def test_a_flag_on_load_leaves_idle_memory_alone() -> None:
    (split,) = phase_splits(["app"], [trial(1, 10, FlagEffect.FLAG_EFFECT_LOAD_INVALID)])

    assert split.rss_bytes == 10 * MB


def test_a_variant_without_trials_has_no_rows() -> None:
    assert list(phase_splits(["app", "other"], [trial(1, 10)]))[-1].variant == "app"
