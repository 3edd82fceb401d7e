"""`headstart revoke`."""

import re

import click

from headstart.cli.client import access
from headstart.cli.connection import Connection, collector_options
from headstart.cli.given import Name
from headstart.cli.terminal import say
from headstart.v1.access_pb2 import RevokeRequest

# Serial numbers have 64 bits at least, by what authorities may do; names are seldom so.
_SERIAL = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2})+|[0-9A-Fa-f]{16,64}")


@click.command("revoke")
@click.argument("whom", type=Name(), metavar="NAME|SERIAL")
@click.option(
    "--reason", default="", help="Why; whoever is refused reads it, and so does the audit."
)
@click.option(
    "--serial", "is_serial", is_flag=True, help="It is a serial number, though a short one."
)
@click.option(
    "--name", "is_name", is_flag=True, help="It is a name, though it looks like a serial."
)
@click.option("--take-back", is_flag=True, help="Let in again what was revoked.")
@collector_options
def command(
    whom: str,
    reason: str,
    is_serial: bool,
    is_name: bool,
    take_back: bool,
    collector: Connection,
) -> None:
    """Refuse certificates: one by its serial number, or those that have a NAME.

    headstart revoke bench-7 --reason "taken over"

    Calls that are open end within seconds, an agent's with what it measures; a run that it had
    is queued again. A name holds for all certificates of an outside authority, now and later. Of
    the collector's own authority it holds for those that there are: a token lets in again.
    """
    by_serial = is_serial or (bool(_SERIAL.fullmatch(whom)) and not is_name)
    request = RevokeRequest(
        name="" if by_serial else whom,
        serial=whom if by_serial else "",
        reason=reason,
        take_back=take_back,
    )
    with access(collector) as stub:
        done = stub.Revoke(request)
    what = f"the certificate {whom}" if by_serial else f"'{whom}'"
    if take_back:
        say(f"{what} is let in again")
        say("an agent that waits comes back within 5 minutes, or when it is restarted", err=True)
        return
    ended = done.ended_calls
    calls = f"; {ended} open call{'s' if ended != 1 else ''} ended" if ended else ""
    say(f"{what} is refused from now on{calls}")
    if done.unknown:
        say(
            "headstart: nobody has shown such a certificate yet (see `headstart identities`); "
            "whoever does is refused",
            err=True,
        )
