"""What ended runs found, of a collector that is away for a moment as it is asked."""

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from headstart.cli.connection import Connection
from headstart.cli.ended_runs import results_of
from headstart.cli.errors import CommandError
from headstart.cli.exit_codes import ExitCode
from headstart.cli.patience import Patience
from headstart.v1.experiments_pb2 import ReportRequest, RunState, RunSummary
from headstart.words.answered import ANSWERED_KEY, STORE
from headstart.words.standing_by import STANDING_BY_KEY
from support.hostile_collector import hostile_collector
from support.ports import free_port

ENDED = RunSummary(run_id="r", experiment="players", host="h1", state=RunState.RUN_STATE_FAILED)


class Refusing:
    """Refuses each call in turn; of the last one it says that the run has no records."""

    def __init__(self, *refusals: tuple[grpc.StatusCode, str, tuple[tuple[str, str], ...]]) -> None:
        self.left = list(refusals)

    def __call__(self, _kind: type[Message], context: Any) -> Iterator[Message]:
        if self.left:
            code, words, told = self.left.pop(0)
            context.set_trailing_metadata(told)
            context.abort(code, words)
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no records are stored")
        yield from ()


def at(target: str) -> Connection:
    return Connection(target, plaintext=True)


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (
            (grpc.StatusCode.UNAVAILABLE, "it stands by", ((STANDING_BY_KEY, "two:1"),)),
            "does not answer",
        ),
        (
            (grpc.StatusCode.UNAVAILABLE, "the store cannot write", ((ANSWERED_KEY, STORE),)),
            "cannot do it now: the store cannot write",
        ),
        ((grpc.StatusCode.CANCELLED, "it stops", ()), "does not answer"),
    ],
)
def test_a_collector_that_is_away_as_a_run_ends_is_waited_for(
    refusal: Any, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    collector = Refusing(refusal, refusal)
    with hostile_collector(collector) as target:
        found = results_of(at(target), [ENDED])

    assert found == ([], [ExitCode.NOT_MEASURED])
    assert collector.left == []
    assert capsys.readouterr().err.count(f"{said}; waiting for it, 600 s at most") == 1


def test_a_store_that_is_damaged_is_not_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    words = "the store cannot be read: database disk image is malformed"
    refusal = (grpc.StatusCode.DATA_LOSS, words, ((ANSWERED_KEY, STORE),))
    collector = Refusing(refusal, refusal)
    with hostile_collector(collector) as target, pytest.raises(CommandError) as told:
        results_of(at(target), [ENDED])

    assert str(told.value) == f"the collector at {target} cannot do it: {words}"
    assert told.value.exit_code == CommandError("any").exit_code
    assert len(collector.left) == 1
    assert "waiting" not in capsys.readouterr().err


def test_another_fault_is_told_at_once() -> None:
    collector = Refusing((grpc.StatusCode.INTERNAL, "analysis failed", ()))
    with hostile_collector(collector) as target, pytest.raises(CommandError, match="analysis fail"):
        results_of(at(target), [ENDED])


def test_the_patience_has_an_end_and_who_answered_is_not_said_to_be_silent() -> None:
    refusal = (grpc.StatusCode.UNAVAILABLE, "the store cannot write", ((ANSWERED_KEY, STORE),))
    with hostile_collector(Refusing(*[refusal] * 5)) as target:
        patience = Patience(at(target), seconds=0.0)
        with pytest.raises(CommandError) as told:
            patience.asked(lambda stub: list(stub.Report(ReportRequest())))

    assert str(told.value) == f"the collector at {target} cannot do it now: the store cannot write"


def test_where_nobody_listens_it_is_said() -> None:
    target = f"127.0.0.1:{free_port()}"
    patience = Patience(at(target), seconds=0.0)

    with pytest.raises(CommandError, match=f"no collector answers at {target}: "):
        patience.asked(lambda stub: list(stub.Report(ReportRequest())))
