"""The experiment file that is made of images and commands."""

from collections.abc import Sequence
from typing import Any

import pytest

from headstart.collector.experiments.file import load_experiment
from headstart.collector.experiments.sketch import (
    Sketch,
    SketchVariant,
    experiment_name,
    names_of,
    text_of,
)
from headstart.v1 import experiment_pb2 as pb
from headstart.words import metrics

IMAGES = {"jit": SketchVariant(image="players:jit"), "aot": SketchVariant(image="players:aot")}
COMMANDS = {
    "sleep-0": SketchVariant(command=["sleep", "0"]),
    "sleep-1": SketchVariant(command=["sleep", "# 1: {x}"], env={"PORT": "9000", "A": "no"}),
}


def read(variants: dict[str, SketchVariant], **more: Any) -> pb.Experiment:
    sketch = Sketch(name="players", variants=variants, baseline=next(iter(variants)), **more)
    return load_experiment(text_of(sketch), "/work")


def test_what_was_asked_for_is_what_runs() -> None:
    experiment = read(
        IMAGES,
        port=9000,
        ready="GET /health -> 200",
        checks=["GET /players", "GET /none -> 404"],
        duration="30s",
        request="GET /players",
        blocks="auto",
    )

    assert [v.image for v in experiment.variants] == ["players:jit", "players:aot"]
    assert [v.compilation for v in experiment.variants] == [pb.COMPILATION_JIT, pb.COMPILATION_AOT]
    assert (experiment.baseline, experiment.service.port) == ("jit", 9000)
    assert [c.http.request.target for c in experiment.service.checks] == [
        "/players",
        "/none",
    ]
    assert experiment.service.compare_with_baseline
    assert experiment.load.duration_seconds == 30
    assert experiment.plan.blocks == 0


def test_a_command_is_given_its_arguments_and_environment_as_they_were() -> None:
    experiment = read(COMMANDS, port=9000)

    assert list(experiment.variants[1].command.argv) == ["sleep", "# 1: {x}"]
    assert dict(experiment.variants[1].environment) == {"PORT": "9000", "A": "no"}


def test_a_service_without_a_load_is_not_asked_for_throughput() -> None:
    asked_for = [gate.metric for gate in read(IMAGES, port=9000).gates.gates]

    assert asked_for == [metrics.STARTUP.name, metrics.RSS_IDLE.name]
    assert not read(IMAGES, port=9000, duration="30s").gates.gates


def test_without_a_port_they_are_batch_programs() -> None:
    experiment = read(COMMANDS)

    assert experiment.service.port == 0
    assert list(experiment.service.ready.command.argv) == []


def test_unless_more_is_asked_for_a_run_is_over_within_a_minute() -> None:
    short, longer = read(IMAGES, port=9000), read(IMAGES, port=9000, duration="10s")

    assert short.plan.blocks == 10
    assert short.plan.maximum_seconds <= 45
    assert longer.plan.maximum_seconds > 600


@pytest.mark.parametrize(
    "more",
    [
        {"port": 9000},
        {"port": 9000, "blocks": 3},
        {"port": 9000, "duration": "5s", "tls": True},
        {"port": 9000, "checks": ["GET /x"]},
        {},
        {"blocks": "auto"},
    ],
)
@pytest.mark.parametrize("variants", [IMAGES, COMMANDS])
def test_every_file_is_accepted_also_with_what_its_comments_propose(
    variants: dict[str, SketchVariant], more: dict[str, Any]
) -> None:
    text = text_of(Sketch(name="x", variants=variants, baseline=next(iter(variants)), **more))

    assert load_experiment(text, "/work").source_text == text
    load_experiment(uncommented(text), "/work")


def uncommented(text: str) -> str:
    """With all that stands there as a comment and is YAML."""
    lines = []
    for line in text.splitlines():
        bare = line.lstrip(" ")
        indent = " " * (len(line) - len(bare))
        proposal = bare.removeprefix("# ")
        key = proposal.lstrip(" ").partition(":")[0]
        if bare.startswith("# ") and (proposal.lstrip().startswith("- ") or key in KEYS):
            lines.append(indent + proposal)
        else:
            lines.append(line)
    return "\n".join(lines)


KEYS = {
    "checks", "compare_with_baseline", "load", "cpus", "memory", "gates", metrics.STARTUP.name,
    metrics.RSS_IDLE.name, metrics.THROUGHPUT_STEADY.name, "jobs", "short", "long", "compilation",
}  # fmt: skip


@pytest.mark.parametrize(
    ("images", "names"),
    [
        (["players:jit", "players:aot-scratch"], ["jit", "aot-scratch"]),
        (["r.example/a/players:1.2", "r.example/a/squad:1.2"], ["players", "squad"]),
        (["players", "squad"], ["players", "squad"]),
        (["a/players:1", "b/players:1"], ["players-1", "players-2"]),
        (["players:1", "squad:1", "squad:2"], ["players-1", "squad-1", "squad-2"]),
        (["players:JIT_1", "players:jit-1"], ["players-1", "players-2"]),
        (["sha256:" + "a" * 64, "sha256:" + "b" * 64], ["variant-1", "variant-2"]),
    ],
)
def test_images_are_called_by_what_tells_them_apart(images: list[str], names: list[str]) -> None:
    assert names_of([SketchVariant(image=image) for image in images]) == names


@pytest.mark.parametrize(
    ("commands", "names"),
    [
        (["./build/a", "/opt/b"], ["a", "b"]),
        (["python3 -m app", "python3 -X dev -m app"], ["python3", "python3-x-dev"]),
        (["sleep 0", "sleep 0.01"], ["sleep-0", "sleep-0-01"]),
        (["cat x y", "cat y x"], ["cat-1", "cat-2"]),
    ],
)
def test_commands_are_called_by_what_tells_them_apart(
    commands: list[str], names: list[str]
) -> None:
    assert names_of([SketchVariant(command=command.split()) for command in commands]) == names


def test_no_name_is_made_of_a_secret() -> None:
    variants = [
        SketchVariant(
            command=["./app", "--dsn", f"x://u:{value}@h", "--token", value],
            env={"DB_PASSWORD": value, "DSN": f"Host=db;Password={value}", "MODE": mode},
        )
        for value, mode in (("hunter2xyz", "jit"), ("hunter3xyz", "aot"))
    ]

    assert names_of(variants) == ["app-mode-jit", "app-mode-aot"]


def test_names_stay_names_however_long_the_arguments() -> None:
    long = [SketchVariant(command=["x", letter * 5000]) for letter in "ab"]

    assert all(0 < len(name) <= 63 for name in names_of(long))
    assert len(set(names_of(long))) == 2


@pytest.mark.parametrize(
    ("variants", "name"),
    [
        ([SketchVariant(image="r/players:1"), SketchVariant(image="players:2")], "players"),
        ([SketchVariant(command=["./a"]), SketchVariant(command=["./b"])], "a-vs-b"),
    ],
)
def test_an_experiment_is_called_by_what_is_compared(
    variants: Sequence[SketchVariant], name: str
) -> None:
    assert experiment_name(variants, names_of(variants)) == name
