"""What an A/A run says of its host, in a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headstart.cli.terminal import say

if TYPE_CHECKING:
    from headstart.collector.findings import RunResult


def say_aa_status(result: RunResult) -> None:
    """On standard error; `verdict_code` has the exit code."""
    check = result.host.check
    if check is None:
        text = "nothing could be told; the report says why"
    elif check.passed:
        text = f"passed, {check.verdicts} metrics do not differ"
    else:
        differing = ", ".join(check.differing)
        text = f"failed, this host finds differences where there are none: {differing}"
    say(f"A/A: {text}", err=True)
