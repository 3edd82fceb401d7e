from dataclasses import replace

import pytest

from headstart.collector.findings import Comparison, RunResult
from headstart.collector.report.sentences.interval_words import interval_note
from headstart.words import metrics
from support.fake_runs import small


@pytest.fixture(scope="module")
def eight() -> RunResult:
    return small(blocks=8).result()


def with_startup(result: RunResult, **changed: object) -> RunResult:
    def one(found: Comparison) -> Comparison:
        startup = found.metric == metrics.STARTUP.name
        return replace(found, **changed) if startup else found  # type: ignore[arg-type]  # theirs

    return replace(result, comparisons=tuple(map(one, result.comparisons)))


def test_a_report_says_how_many_comparisons_it_made_and_what_that_means(eight: RunResult) -> None:
    told = sum(c.interval is not None for c in eight.comparisons)

    assert f"{told} comparisons were made" in interval_note(eight)
    assert f"on average {told * 0.05:.1f} of them miss" in interval_note(eight)


def test_the_level_of_five_trials_is_said() -> None:
    assert "93.75 %" in interval_note(small(blocks=5).result())
    assert "93.75 %" not in interval_note(small(blocks=8).result())


def test_what_a_ratio_of_few_blocks_holds_is_said() -> None:
    assert "between 90 and 98 %" in interval_note(small(blocks=5, load_every=1).result())
    assert "between 90 and 98 %" not in interval_note(small(blocks=6, load_every=1).result())


def test_a_ratio_that_the_figures_beside_it_do_not_make_is_explained(eight: RunResult) -> None:
    figures = [eight.figure(metrics.STARTUP.name, name) for name in ("aot", "jit")]
    aot, jit = (figure.center for figure in figures if figure is not None)
    assert aot is not None
    assert jit is not None
    shown = aot / jit

    for ratio, explained in ((shown * 1.002, False), (shown * 1.05, True)):
        note = interval_note(with_startup(eight, ratio=ratio))
        assert ("They differ for startup of aot" in note) is explained


def test_blocks_in_which_one_side_alone_was_valid_are_said(eight: RunResult) -> None:
    assert "only one side" not in interval_note(eight)
    note = interval_note(with_startup(eight, lone_blocks=2))

    assert "In up to 2 blocks only one side was valid" in note
    assert "startup of aot" in note
