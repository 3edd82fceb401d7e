"""The line of a run that goes on: how much is done, what is left, no more lines than blocks."""

import io
import math

import pytest

from headstart.cli.progress import ProgressLines, describe
from headstart.v1.experiments_pb2 import RunState, RunSummary
from headstart.v1.fleet_pb2 import Progress


def running(doing: str, **progress: float) -> RunSummary:
    return RunSummary(
        experiment="players",
        host="perf1",
        state=RunState.RUN_STATE_LEASED,
        attempt=1,
        progress=Progress(doing=doing, **progress),  # type: ignore[arg-type]  # names are checked by protobuf
    )


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_it_says_how_much_is_done_and_left() -> None:
    run = running(
        "block 2, aot: load", share_done=0.347, seconds_left=540, trials_planned=20, trials_done=6
    )

    assert describe(run) == (
        "players on perf1: 34 %, about 9 min left; trial 7 of 20, block 2, aot: load"
    )


def test_a_run_that_decides_when_it_ends_has_at_least_so_much_left() -> None:
    run = running("block 2, aot: load", share_done=0.1, seconds_left=75, trials_done=3)

    assert (
        describe(run) == "players on perf1: 10 %, at least 75 s left; trial 4, block 2, aot: load"
    )


@pytest.mark.parametrize(
    ("share", "left"), [(0.0, 0.0), (math.nan, 5), (0.5, math.inf), (7.0, 9), (0.5, -1)]
)
def test_what_an_agent_does_not_say_or_cannot_mean_is_left_out(share: float, left: float) -> None:
    run = running("block 1, aot: load", share_done=share, seconds_left=left)

    assert describe(run) == "players on perf1: trial 1, block 1, aot: load"


def test_without_a_terminal_there_is_one_line_a_block_after_the_first_trial(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = ProgressLines()
    done = 0
    for block in (1, 2):
        for variant in ("jit", "aot"):
            for phase in ("startup", "load"):
                lines.show(running(f"block {block}, {variant}: {phase}", trials_done=done))
            done += 1
    for limit in (64, 32, 48):
        lines.show(running(f"aot: memory floor, {limit} MiB", trials_done=done))
    lines.show(RunSummary(experiment="players", host="perf1", state=RunState.RUN_STATE_DONE))
    lines.close()

    assert capsys.readouterr().err.splitlines() == [
        "players on perf1: trial 1, block 1, jit: startup",
        "players on perf1: trial 1, block 1, jit: load",
        "players on perf1: trial 2, block 1, aot: startup",
        "players on perf1: trial 3, block 2, jit: startup",
        "players on perf1: aot: memory floor, 64 MiB",
        "players on perf1: done",
    ]


def test_a_terminal_has_one_line_that_is_rewritten(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    lines = ProgressLines()
    lines.show(running("block 1, aot: startup"))
    lines.show(running("block 1, aot: load"))

    assert screen.getvalue().count("\r") == 2
    assert "\n" not in screen.getvalue()


@pytest.mark.parametrize(
    ("expires", "said"), [(1_764_412_200, "2025-11-29 10:30 UTC"), (1e300, "no date")]
)
def test_when_a_run_that_waits_expires_is_in_utc_and_any_number(expires: float, said: str) -> None:
    run = RunSummary(
        experiment="players",
        host="perf1",
        state=RunState.RUN_STATE_QUEUED,
        expires_time_seconds=expires,
    )

    assert describe(run).startswith(f"players on perf1: queued, expires {said}")
