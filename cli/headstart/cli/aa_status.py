"""The exit code of an A/A run: whether the host is fit to judge."""

import json

from headstart.cli.exit_codes import ExitCode
from headstart.cli.terminal import say


def aa_status(report_json: bytes) -> ExitCode:
    """0: nothing differed; 1: something did, or nothing could be told. Says so on stderr."""
    check = json.loads(report_json)["host_check"]
    if check is None:
        say("A/A: nothing could be told; the report says why", err=True)
        return ExitCode.REJECTED
    if check["passed"]:
        say(f"A/A: passed, {check['verdicts']} metrics do not differ", err=True)
        return ExitCode.OK
    differing = ", ".join(check["differing"])
    say(f"A/A: failed, this host finds differences where there are none: {differing}", err=True)
    return ExitCode.REJECTED
