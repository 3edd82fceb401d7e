"""Builds in a run's result: each with its steps, clean ones compared."""

from headstart.collector.analysis.analyse import analyse_run
from headstart.collector.analysis.builds import build_readings, decisive, variant_builds
from headstart.collector.findings import BuildPart, Verdict
from headstart.collector.findings.json import from_json, to_json
from headstart.v1.experiment_pb2 import Experiment, Variant
from headstart.words import metrics
from support.fake_builds import build, builds, diagnostic, failed_build
from support.fake_runs import small

EXPERIMENT = Experiment(variants=[Variant(name="jit"), Variant(name="aot")])


def test_builds_stand_in_the_order_of_the_file_the_clean_ones_first() -> None:
    records = [
        build("aot", clean=False),
        build("aot", repetition=2),
        build("aot"),
        build("jit"),
        build("unknown"),
    ]

    found = variant_builds(EXPERIMENT, records)

    assert [(b.variant, b.clean, b.repetition) for b in found] == [
        ("jit", True, 1),
        ("aot", True, 1),
        ("aot", True, 2),
        ("aot", False, 1),
    ]


def test_a_build_has_its_steps_with_their_parts_and_its_memory() -> None:
    (found,) = variant_builds(EXPERIMENT, [build("aot", 25.0, memory_bytes=900, native=True)])

    assert (found.builder, found.seconds) == ("classic", 25.0)
    assert (found.anonymous_peak_bytes, found.memory_peak_bytes) == (900, 1800)
    assert [stage.name[:4] for stage in found.stages] == ["cont", "FROM", "RUN ", "WORK"]
    assert found.stages[2].parts[0] == BuildPart("restore", 1.0, 0.5)
    assert [part.name for part in found.stages[2].parts] == ["restore", "compile", "ILC", "link"]


def test_memory_that_was_not_measured_is_none() -> None:
    (found,) = variant_builds(EXPERIMENT, [build("aot", memory_bytes=0)])

    assert (found.anonymous_peak_bytes, found.memory_peak_bytes) == (None, None)


def test_only_clean_builds_that_made_an_image_have_a_time() -> None:
    readings = build_readings(
        [
            build("aot", 9.0),
            build("aot", 8.0, repetition=2),
            build("aot", 1.0, clean=False),
            failed_build("r2r"),
        ]
    )

    times = readings[metrics.BUILD.name, "aot"]
    assert [(reading.block, reading.value) for reading in times] == [(1, 9.0), (2, 8.0)]
    assert (metrics.BUILD.name, "r2r") not in readings


def test_the_build_that_counts_is_the_last_clean_one_with_an_image() -> None:
    flaky = failed_build("aot")
    flaky.repetition = 3
    found = decisive(
        [
            flaky,
            build("aot"),
            build("aot", repetition=2),
            build("aot", clean=False, repetition=9),
            failed_build("r2r", diagnostic("", "linker", severity="error")),
        ]
    )

    assert found["aot"].repetition == 2
    assert found["r2r"].HasField("failure")


def test_three_builds_of_each_give_a_verdict_and_one_gives_none() -> None:
    fake = small(blocks=3)
    three = analyse_run(fake.info(), [*fake.records(), *builds()])
    first = [r for r in builds() if r.build_outcome.repetition == 1]
    once = analyse_run(fake.info(), [*fake.records(), *first])

    verdict, undecided = (r.comparison(metrics.BUILD.name, "aot") for r in (three, once))
    assert verdict is not None
    assert undecided is not None
    assert (verdict.verdict, verdict.blocks) == (Verdict.WORSE, 3)
    assert undecided.verdict is Verdict.INCONCLUSIVE
    memory = three.comparison(metrics.BUILD_MEMORY.name, "aot")
    assert memory is not None
    assert memory.verdict is Verdict.WORSE


def test_a_result_with_builds_survives_json() -> None:
    fake = small(blocks=2)
    result = analyse_run(fake.info(), [*fake.records(), *builds()])

    assert len(result.builds) == 8
    assert result.diagnostics
    assert from_json(to_json(result)) == result
