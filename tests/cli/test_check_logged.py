"""What a check says before a run is a record, where records are asked for."""

import logging

import click
import pytest

from headstart.cli.check_here import Checked, require
from headstart.cli.logs import log_options
from headstart.v1.experiments_pb2 import Problem

CHECKED = Checked("a.yaml", [], [Problem(line=3, message="no load")], time="about 2 min")


@pytest.mark.parametrize("form", ["text", "json"])
def test_forecast_and_warnings_are_records_where_logs_are_json(
    form: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    @log_options("warning")
    def command() -> None:
        require(CHECKED, keep_going=False)

    with caplog.at_level(logging.INFO):
        command.main(["--log-format", form], standalone_mode=False)

    printed, logged = capsys.readouterr().err, caplog.text
    for words in ("no load", "this takes about 2 min"):
        assert (words in printed) is (form == "text")
        assert (words in logged) is (form == "json")
