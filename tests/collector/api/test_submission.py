"""What a submission asks for beside its file becomes part of the experiment."""

import asyncio

import pytest

from headstart.collector.api.submission import experiment_of
from headstart.collector.config import Limits
from headstart.v1.experiments_pb2 import SubmitRequest

FILE = """\
experiment: asked
baseline: a
variants:
  a: {command: ['true']}
  b: {command: ['true']}
service: {port: 1, ready: GET /}
"""


@pytest.mark.parametrize(
    ("in_the_file", "asked", "goes_on"),
    [("", False, False), ("", True, True), ("plan: {keep_going: true}\n", False, True)],
)
def test_a_run_goes_on_where_the_file_or_the_command_says_so(
    in_the_file: str, asked: bool, goes_on: bool
) -> None:
    request = SubmitRequest(source_text=FILE + in_the_file, base_directory="/", keep_going=asked)
    experiment = asyncio.run(experiment_of(request, Limits()))

    assert experiment.plan.keep_going is goes_on
