"""What a command exits with that judged runs: the same for `run`, `aa`, `watch`, `gate`, `pool`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from headstart.cli.exit_codes import ExitCode
from headstart.cli.terminal import say
from headstart.words.states import RunWord

if TYPE_CHECKING:
    from headstart.collector.findings import RunResult

strict_option = click.option(
    "--strict", is_flag=True, help="Exit with 1 also when something is undecided."
)

# The first of these that holds for any run holds for all.
_ORDER = (ExitCode.SYSTEM_FAILED, ExitCode.NOT_MEASURED, ExitCode.REJECTED, ExitCode.OK)

# All mistakes of a policy, for one; what is shorter is clearer where it belongs.
_LONG = 80


def verdict_code(result: RunResult, strict: bool = False) -> ExitCode:
    """Of one run; of an A/A run it is about the host."""
    from headstart.collector.findings import Decision
    from headstart.collector.findings.usable import cut_short, system_failed, without_usable_trial

    if system_failed(result):
        return ExitCode.SYSTEM_FAILED
    if cut_short(result) or without_usable_trial(result):
        return ExitCode.NOT_MEASURED
    if result.aa:
        check = result.host.check
        decided, fine = check is not None, check is None or check.passed
    else:
        decisions = {each.decision for each in result.recommendations}
        decided = decisions == {Decision.PROCEED} or Decision.REJECT in decisions
        fine = Decision.REJECT not in decisions
    return code_of_findings(fine=fine, decided=decided, strict=strict)


def code_of_findings(*, fine: bool, decided: bool, strict: bool) -> ExitCode:
    """Where all was measured."""
    return ExitCode.OK if fine and (decided or not strict) else ExitCode.REJECTED


def first_of(codes: Iterable[ExitCode]) -> ExitCode:
    """Of several runs."""
    return min(codes, key=_ORDER.index, default=ExitCode.OK)


def say_unmeasured(results: Iterable[RunResult], told: Iterable[str] = ()) -> None:
    """On standard error: each variant that has no usable trial. A long reason that was `told`,
    or is another's too, is not said again.
    """
    from headstart.collector.findings.usable import cut_short, why_unmeasured, without_usable_trial

    said = [*told]
    for result in results:
        where = f"{result.experiment} on {result.host.name}"
        if cut_short(result):
            say(
                f"headstart: {where}: the run {_ended(result, _new(result.reason, said))}", err=True
            )
        for variant in without_usable_trial(result):
            message = _new(variant.failure_message, said)
            why = why_unmeasured(replace(variant, failure_message=message))
            say(f"headstart: {where}: {why}", err=True)


def _new(reason: str, said: list[str]) -> str:
    """The reason; empty where something that was said has it in it."""
    if len(reason) < _LONG:
        return reason
    if any(reason in each for each in said):
        return ""
    said.append(reason)
    return reason


def _ended(result: RunResult, reason: str) -> str:
    word = "failed" if result.state == RunWord.FAILED else f"was {result.state}"
    return f"{word}: {reason}" if reason else word
