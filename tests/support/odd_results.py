"""Results of runs in which something went wrong: every format must render each of them."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

from headstart.collector.analysis.analyse import analyse_run
from headstart.collector.findings import RunResult
from headstart.v1.experiments_pb2 import RunState
from headstart.v1.records_pb2 import CheckOutcome, FlagEffect, Record, TrialOutcome
from support.beside_runs import beside_result
from support.fake_runs import AOT, BROKEN, JIT, MS, Fake, small

RISING_JIT = replace(JIT, climb_seconds=20)


def _all_flagged(outcome: TrialOutcome) -> None:
    outcome.flags.add(
        code="server-run-delay",
        effect=FlagEffect.FLAG_EFFECT_TRIAL_INVALID,
        text="the server waited 12 ms for a core",
    )


def _one_late(outcome: TrialOutcome) -> None:
    if outcome.trial == 2:
        outcome.flags.add(
            code="server-run-delay", effect=FlagEffect.FLAG_EFFECT_STARTUP_INVALID, text="12 ms"
        )
        outcome.startup.first_correct_response_monotonic_ns += 500 * MS


def _served_nothing(outcome: TrialOutcome) -> None:
    if outcome.HasField("load"):
        outcome.load.incorrect = outcome.load.completed


def still_rising() -> RunResult:
    """A JIT whose load ends long before it is warm."""
    return Fake(kinds=(RISING_JIT, AOT), blocks=6, load_every=2, load_seconds=30).result()


@cache
def wrong_answers() -> RunResult:
    fake = small(blocks=5)
    records = list(fake.records())
    aot = [r.trial_outcome.trial for r in records if r.trial_outcome.variant == "aot"]
    records += [
        Record(
            check_outcome=CheckOutcome(
                trial=trial, check="GET /players/7", expected="status 200", actual="status 500"
            )
        )
        for trial in aot
    ]
    return analyse_run(fake.info(), records)


@cache
def until_decided() -> RunResult:
    fake = small(blocks=10)
    info = fake.info()
    info.experiment.plan.blocks = 0
    info.experiment.plan.maximum_blocks = 30
    return analyse_run(info, fake.records())


ODD: dict[str, Callable[[], RunResult]] = {
    "nothing": lambda: analyse_run(small().info(), []),
    "one block": lambda: small(blocks=1).result(),
    "one variant": lambda: small(kinds=(JIT,), blocks=3).result(),
    "baseline failed": lambda: small(kinds=(BROKEN, AOT), blocks=4).result(),
    "all failed": lambda: small(kinds=(BROKEN, replace(BROKEN, name="other"))).result(),
    "all flagged": lambda: small(blocks=6, disturb=_all_flagged).result(),
    "one flagged": lambda: small(blocks=6, disturb=_one_late).result(),
    "served nothing": lambda: Fake(
        kinds=(JIT, AOT), blocks=3, load_every=1, load_seconds=12, disturb=_served_nothing
    ).result(),
    "short load": lambda: Fake(kinds=(JIT, AOT), blocks=3, load_every=1, load_seconds=6).result(),
    "still rising": still_rising,
    "wrong answers": wrong_answers,
    "until decided": until_decided,
    "incomplete": lambda: small(blocks=2, state=RunState.RUN_STATE_INCOMPLETE).result(),
    "cancelled": lambda: small(blocks=2, state=RunState.RUN_STATE_CANCELLED).result(),
    "ten variants": lambda: small(
        kinds=(JIT, *(replace(AOT, name=f"aot-{i}") for i in range(9))), blocks=4
    ).result(),
    "beside": beside_result,
    "level": lambda: small(kinds=(JIT, replace(JIT, name="same")), blocks=8, noise=0.0).result(),
}
