"""`headstart check` says what a plan cannot decide, and how long a run of it takes."""

import json
from pathlib import Path

import pytest

from support.running import headstart

FILE = """\
experiment: pair
baseline: jit
variants:
  jit: {command: ["true"], compilation: jit}
  aot: {command: ["true"], compilation: aot}
service: {ready: {command: [--version]}}
jobs: {short: {args: []}}
plan: {blocks: BLOCKS}
gates: {job_seconds: {max: 1s}, startup_seconds: {max: 1s}}
"""


def checked(folder: Path, blocks: str, *options: str) -> tuple[int, str]:
    file = folder / "pair.yaml"
    file.write_text(FILE.replace("BLOCKS", blocks))
    ran = headstart("check", file, *options)
    return ran.status, ran.output


def test_a_gate_of_the_file_that_can_never_be_decided_is_a_mistake(tmp_path: Path) -> None:
    code, output = checked(tmp_path, "4")

    assert code == 2
    assert output.count("this plan cannot decide the gate") == 2
    assert "pair.yaml:9:28: gates.job_seconds.max: this plan" in output
    assert "the plan has 4 blocks, and an interval takes 5; `plan.blocks: 5`" in output


@pytest.mark.parametrize("blocks", ["5", "auto"])
def test_a_plan_that_can_decide_is_told_its_time(tmp_path: Path, blocks: str) -> None:
    code, output = checked(tmp_path, blocks)

    assert code == 0, output
    assert "a run takes about" in output
    assert ("with blocks: auto" in output) is (blocks == "auto")


def test_the_time_is_in_its_json_too(tmp_path: Path) -> None:
    _, output = checked(tmp_path, "5", "--json")

    assert json.loads(output)["time"].startswith("about ")
