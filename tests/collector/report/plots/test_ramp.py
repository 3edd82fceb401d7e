"""A rate that rises is drawn by rate, and told in a sentence for each variant."""

from dataclasses import replace

import pytest

from headstart.collector.findings import Ramp, RunResult
from headstart.collector.report.plots.ramp import ramp_plot
from headstart.collector.report.sentences.ramp_words import ramp_sentences
from support.fake_runs import AOT, JIT, small


@pytest.fixture(scope="module")
def plain() -> RunResult:
    return small(kinds=(JIT, AOT), blocks=1).result()


def ramp(variant: str, held: float | None, saturated: bool, valid: bool = True) -> Ramp:
    return Ramp(
        variant=variant,
        trial=1,
        offered_per_second=(100.0, 200.0, 300.0),
        throughput_per_second=(100.0, 200.0, 200.0),
        latency_p50_seconds=(0.001, 0.002, 0.5),
        latency_p99_seconds=(0.002, 0.004, None),
        held_per_second=held,
        saturated=saturated,
        valid=valid,
    )


def test_a_load_of_a_constant_rate_has_neither_plot_nor_sentence(plain: RunResult) -> None:
    assert ramp_plot(plain) is None
    assert list(ramp_sentences(plain)) == []


def test_latency_is_drawn_against_the_rate(plain: RunResult) -> None:
    ramps = (ramp("jit", 200.0, True), ramp("aot", 300.0, False))
    drawn = ramp_plot(replace(plain, load=replace(plain.load, ramps=ramps)))

    assert drawn is not None
    assert "requests per second that were due" in drawn
    assert "jit" in drawn
    assert "aot" in drawn


@pytest.mark.parametrize(
    ("ramps", "words"),
    [
        ([ramp("jit", 200.0, True)] * 3, "holds a rising rate up to 200"),
        ([ramp("jit", 300.0, False)] * 2, "held every rate up to 300"),
        ([ramp("jit", None, True)] * 2, "did not even hold 100"),
        ([ramp("jit", 300.0, False, valid=False), ramp("jit", 200.0, True)], "up to 200"),
    ],
    ids=["saturated", "not-saturated", "never", "valid-ones-count"],
)
def test_each_variant_has_its_sentence(plain: RunResult, ramps: list[Ramp], words: str) -> None:
    (sentence,) = ramp_sentences(replace(plain, load=replace(plain.load, ramps=tuple(ramps))))

    assert sentence.startswith("jit ")
    assert words in sentence
