"""`headstart audit`."""

import re
import time

import click

from headstart.cli.client import access
from headstart.cli.connection import Connection, collector_options
from headstart.cli.dates import second
from headstart.cli.errors import InputError
from headstart.cli.given import Name
from headstart.cli.json_output import in_words, say_object
from headstart.cli.terminal import say
from headstart.v1.access_pb2 import AuditEntry, ListAuditRequest

_SINCE = re.compile(r"([0-9]{1,6})(s|m|h|d|w)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


@click.command("audit")
@click.option("--since", metavar="TIME", help="Only what is younger, such as 30m, 12h, 1d or 2w.")
@click.option("--who", type=Name(), default="", help="Only of this caller, by the name as shown.")
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=100,
    show_default=True,
    help="Newest entries to show.",
)
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@collector_options
def command(since: str | None, who: str, limit: int, as_json: bool, collector: Connection) -> None:
    """List what was changed by whom and what was refused to whom, the oldest first.

    What somebody was refused again and again is one entry a minute, with how often.
    """
    request = ListAuditRequest(since_time_seconds=_since(since), who=who, limit=limit)
    with access(collector) as stub:
        found = stub.ListAudit(request)
    entries = list(reversed(found.entries))
    if as_json:
        say_object({"entries": [in_words(entry) for entry in entries], "more": found.more})
        return
    for entry in entries:
        say(_line(entry))
    if found.more:
        say("there are older entries: --limit shows more of them", err=True)
    elif not entries:
        say("nothing was done or refused", err=True)


def _since(text: str | None) -> float:
    if text is None:
        return 0.0
    match = _SINCE.fullmatch(text)
    if match is None:
        raise InputError(f"--since: expected a time such as 30m, 12h, 1d or 2w, not {text!r}")
    return time.time() - int(match[1]) * _SECONDS[match[2]]


def _line(entry: AuditEntry) -> str:
    at = second(entry.time_seconds)
    times = f" {entry.times} times" if entry.times > 1 else ""
    on = f" {entry.object}" if entry.object else ""
    why = f" ({entry.detail})" if entry.detail else ""
    return (
        f"{at} UTC  {entry.who} [{entry.role}] from {entry.peer}: {entry.action}{on}: "
        f"{entry.outcome}{times}{why}"
    )
