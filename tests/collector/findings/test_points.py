"""What a run adds to the history, and the rerun that is made of two of its points."""

from dataclasses import replace

import pytest

from headstart.collector.experiments.rerun import NoRerun, rerun_of
from headstart.collector.findings.comparability import setup_of
from headstart.collector.findings.points import points_of
from headstart.words import metrics
from headstart.words.states import RunWord
from support.fake_runs import Fake, small
from support.metrics_results import run_result

OLD, NEW = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"


def test_every_figure_of_a_variant_that_worked_is_a_point() -> None:
    result = small(blocks=5).result()
    points = {(p.variant, p.metric): p for p in points_of(result)}
    startup = points["aot", metrics.STARTUP.name]
    figure = result.figure(metrics.STARTUP.name, "aot")

    assert figure is not None
    assert (startup.value, startup.trials) == (figure.center, 5)
    assert startup.revision == "4f2c1d9"
    assert startup.digest.startswith("sha256:")
    assert ("jit", metrics.IMAGE_UNPACKED.name) in points


def test_what_says_nothing_of_a_revision_is_no_point() -> None:
    result = small(blocks=5).result()

    assert points_of(replace(result, state=RunWord.CANCELLED)) == []
    assert points_of(replace(result, experiment="players-api.aa")) == []
    assert points_of(replace(result, experiment="players-api.rerun")) == []
    broken = Fake(blocks=2, load_every=0).result()
    assert "aot-broken" not in {p.variant for p in points_of(broken)}


def test_disturbed_points_say_so() -> None:
    flagged = {p.metric for p in points_of(run_result()) if p.flagged}

    assert flagged == {f.metric for f in run_result().figures if f.basis.value == "flagged"}


def test_another_limit_or_load_makes_another_series() -> None:
    result = small(blocks=5).result()
    other = replace(result, plan_description=(*result.plan_description, "memory limit 64 MiB"))
    loaded = replace(result, load=replace(result.load, description="64 connections"))

    assert setup_of(result, under_load=False) != setup_of(other, under_load=False)
    assert setup_of(result, under_load=False) == setup_of(loaded, under_load=False)
    assert setup_of(result, under_load=True) != setup_of(loaded, under_load=True)


def test_a_rerun_is_the_experiment_with_both_images_of_one_variant() -> None:
    experiment = small(blocks=5).experiment()
    experiment.gates.profile = "native-aot-api"
    found = rerun_of(experiment, "aot", OLD, NEW, metrics=[metrics.STARTUP.name])

    assert found.name == "players-api.rerun"
    assert found.baseline == "before"
    assert [(v.name, v.image) for v in found.variants] == [("before", OLD), ("after", NEW)]
    assert found.variants[0].compilation == experiment.variants[1].compilation
    assert found.plan.blocks == 12
    assert found.margins[metrics.STARTUP.name] == pytest.approx(0.025)
    assert not found.HasField("gates")
    assert len(experiment.variants) == 2
    assert experiment.gates.profile == "native-aot-api"


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (OLD, OLD, "the same program was measured before and after"),
        ("", NEW, "only images of earlier revisions are kept"),
    ],
)
def test_without_two_images_there_is_no_rerun(before: str, after: str, why: str) -> None:
    with pytest.raises(NoRerun, match=why):
        rerun_of(small().experiment(), "aot", before, after)


def test_a_command_has_no_rerun_since_its_files_are_gone() -> None:
    experiment = small().experiment()
    experiment.variants[1].command.argv.append("./server")

    with pytest.raises(NoRerun, match="only images"):
        rerun_of(experiment, "aot", OLD, NEW)
