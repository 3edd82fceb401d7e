"""What a message of the wire is as JSON: the words of reports."""

import json

import pytest

from headstart.cli.json_output import in_words, say_object
from headstart.v1.experiments_pb2 import (
    HistoryResponse,
    HostState,
    RunState,
    RunSummary,
    Shift,
    ShiftState,
)
from headstart.v1.host_pb2 import Advice, AdviceLevel, Cpu, HostFacts
from headstart.words.json_schema_number import SCHEMA


def test_fields_have_their_own_names_and_enums_their_words() -> None:
    found = in_words(RunSummary(run_id="r-1", state=RunState.RUN_STATE_DONE))

    assert (found["run_id"], found["state"]) == ("r-1", "done")
    assert (found["reason"], in_words(RunSummary())["state"]) == ("", "")


def test_messages_lists_and_maps_are_made_of_the_same() -> None:
    advice = [Advice(level=AdviceLevel.ADVICE_LEVEL_BAD, code="governor")]
    host = HostFacts(host="h1", labels={"pool": "perf"}, advice=advice, cpu=Cpu(model="EPYC"))
    found = in_words(HostState(host=host, spool_bytes=1 << 40))

    assert found["spool_bytes"] == 1 << 40
    assert found["host"]["labels"] == {"pool": "perf"}
    assert found["host"]["advice"][0]["level"] == "bad"
    assert found["host"]["cpu"]["model"] == "EPYC"
    assert found["host"]["engine"] is None


def test_what_is_no_number_of_json_is_null() -> None:
    history = HistoryResponse(shifts=[Shift(ratio=float("nan"), state=ShiftState.SHIFT_STATE_OPEN)])
    (shift,) = in_words(history)["shifts"]

    assert (shift["ratio"], shift["state"]) == (None, "open")


def test_the_schema_is_its_first_key(capsys: pytest.CaptureFixture[str]) -> None:
    say_object({"runs": []})

    assert list(json.loads(capsys.readouterr().out).items()) == [("schema", SCHEMA), ("runs", [])]
