"""What a report says of images, and which programs contradict what is said of them."""

import pytest

from headstart.collector.analysis.analyse import analyse_run
from headstart.collector.analysis.images import image_readings, image_results, mislabelled
from headstart.collector.findings import Verdict
from headstart.v1.experiment_pb2 import Compilation, Experiment, Variant
from headstart.v1.records_pb2 import BinaryKind, ImageFacts, Layer, Record
from headstart.words import metrics
from support.fake_runs import AOT, BROKEN, JIT, Fake


def said(compilation: str, kind: str) -> str:
    variant = Variant(name="v", compilation=Compilation.Value(f"COMPILATION_{compilation}"))
    facts = ImageFacts(
        binary_kind=BinaryKind.Value(f"BINARY_KIND_{kind}"), binary_path="/app/players"
    )
    return mislabelled(variant, facts)


@pytest.mark.parametrize(
    ("compilation", "kind", "words"),
    [
        ("AOT", "IL", "v is said to be aot, but /app/players is IL"),
        ("AOT", "READY_TO_RUN", "ReadyToRun code, which has a JIT behind it"),
        ("AOT", "JVM", "a Java VM"),
        ("JIT", "NATIVE_AOT", "v is said to be jit, but /app/players is Native AOT code"),
        ("JIT", "READY_TO_RUN", "ReadyToRun"),
        ("JIT", "GRAALVM_NATIVE", "GraalVM"),
        ("MIXED", "IL", "IL"),
        ("MIXED", "NATIVE_AOT", "Native AOT"),
        ("INTERPRETER", "MONO_AOT", "Mono AOT"),
    ],
)
def test_a_program_that_contradicts_its_label_is_told(
    compilation: str, kind: str, words: str
) -> None:
    assert words in said(compilation, kind)


@pytest.mark.parametrize(
    ("compilation", "kind"),
    [
        ("AOT", "NATIVE_AOT"),
        ("AOT", "STATIC_NATIVE"),
        ("AOT", "DYNAMIC_NATIVE"),
        ("AOT", "MONO_AOT"),
        # A shell script may start anything.
        ("AOT", "SCRIPT"),
        ("JIT", "IL"),
        ("JIT", "JVM"),
        # A runtime with a JIT within is a native program: wasmtime, node.
        ("JIT", "DYNAMIC_NATIVE"),
        ("MIXED", "READY_TO_RUN"),
        ("MIXED", "JVM"),
        ("INTERPRETER", "IL"),
        ("OTHER", "IL"),
        ("AOT", "UNSPECIFIED"),
    ],
)
def test_what_does_not_contradict_is_not_told(compilation: str, kind: str) -> None:
    assert said(compilation, kind) == ""


def test_a_mislabelled_variant_stands_at_the_top_of_the_report() -> None:
    fake = Fake(kinds=(JIT, AOT), blocks=3)

    def as_il(record: Record) -> Record:
        if record.image_facts.variant == AOT.name:
            record.image_facts.binary_kind = BinaryKind.BINARY_KIND_IL
        return record

    result = analyse_run(fake.info(), map(as_il, fake.records()))

    assert result.remarks[0].startswith("aot is said to be aot, but /app/players is IL")
    assert [v.mislabelled for v in result.variants] == ["", result.remarks[0]]
    assert [v.binary_kind for v in result.variants] == ["il", "il"]


def test_what_is_not_known_is_none_and_not_zero() -> None:
    experiment = Experiment(variants=[Variant(name="a"), Variant(name="b"), Variant(name="none")])
    images = {
        "a": ImageFacts(variant="a", unpacked_bytes=5, layers=[Layer(bytes=5)]),
        "b": ImageFacts(variant="b", own_bytes=3, base="scratch", above_base_bytes=0),
    }
    first, second = image_results(experiment, images)

    assert (first.unpacked_bytes, first.layers[0].pull_bytes) == (5, None)
    assert (first.pull_bytes, first.above_base_bytes, first.own_bytes, first.symbol_bytes) == (
        None,
        None,
        None,
        None,
    )
    # Known to be nothing.
    assert (second.above_base_bytes, second.symbol_bytes) == (0, 0)
    assert image_readings(images).keys() == {
        (metrics.IMAGE_UNPACKED.name, "a"),
        (metrics.IMAGE_ABOVE_BASE.name, "b"),
        (metrics.IMAGE_OWN.name, "b"),
    }


def test_the_pull_is_compared_and_what_stands_on_unlike_bases_is_not() -> None:
    result = Fake(kinds=(JIT, AOT), blocks=3).result()
    compared = {c.metric: c.verdict for c in result.comparisons if c.metric.startswith("image_")}

    assert compared == {
        metrics.IMAGE_UNPACKED.name: Verdict.BETTER,
        metrics.IMAGE_PULL.name: Verdict.BETTER,
    }
    own = result.figure(metrics.IMAGE_OWN.name, AOT.name)
    assert own is not None
    assert own.center == 11e6


def test_what_could_not_be_found_out_is_a_remark() -> None:
    fake = Fake(kinds=(JIT, AOT), blocks=3)

    def noted(record: Record) -> Record:
        if record.image_facts.variant == AOT.name:
            record.image_facts.notes.append("the image could not be read: too slow")
        return record

    result = analyse_run(fake.info(), map(noted, fake.records()))

    assert "Of the image of aot: the image could not be read: too slow." in result.remarks


def test_a_container_that_lacks_a_right_is_told_so_once() -> None:
    fake = Fake(kinds=(JIT, BROKEN), blocks=3)

    def denied(record: Record) -> Record:
        if record.trial_outcome.variant == BROKEN.name:
            tail = "nginx: chown() failed (1: Operation not permitted)"
            record.trial_outcome.failure.output_tail = tail
        return record

    result = analyse_run(fake.info(), map(denied, fake.records()))
    told = [remark for remark in result.remarks if "Linux capability" in remark]

    assert len(told) == 1
    assert told[0].startswith(f"{BROKEN.name} did not start and wrote “Operation not permitted”")
    assert not any("capability" in remark for remark in fake.result().remarks)
