"""The exit code of an A/A run: whether the host is fit to judge."""

import json

from headstart.cli.terminal import say

_FIT, _UNFIT = 0, 1


def aa_status(report_json: bytes) -> int:
    """0: nothing differed; 1: something did, or nothing could be told. Says so on stderr."""
    check = json.loads(report_json)["host_check"]
    if check is None:
        say("A/A: nothing could be told; the report says why", err=True)
        return _UNFIT
    if check["passed"]:
        say(f"A/A: passed, {check['verdicts']} metrics do not differ", err=True)
        return _FIT
    differing = ", ".join(check["differing"])
    say(f"A/A: failed, this host finds differences where there are none: {differing}", err=True)
    return _UNFIT
