"""`headstart identities`."""

import time

import click

from headstart.cli.client import access
from headstart.cli.connection import Connection, collector_options
from headstart.cli.dates import minute
from headstart.cli.json_output import in_words, say_object
from headstart.cli.terminal import say
from headstart.v1.access_pb2 import CallerIdentity, ListIdentitiesRequest


@click.command("identities")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@collector_options
def command(as_json: bool, collector: Connection) -> None:
    """List whoever showed a certificate or was given one: role, until when, last seen, revoked.

    Whoever may open the collector's socket is an operator, and is not listed.
    """
    with access(collector) as stub:
        found = stub.ListIdentities(ListIdentitiesRequest()).identities
    if as_json:
        say_object({"identities": [in_words(identity) for identity in found]})
        return
    for identity in found:
        say(_line(identity))
    if not found:
        say("nobody has shown a certificate yet", err=True)


def _line(identity: CallerIdentity) -> str:
    parts = [identity.role or "role not known"]
    if identity.expires_time_seconds:
        over = identity.expires_time_seconds < time.time()
        parts.append(
            f"{'expired' if over else 'until'} {minute(identity.expires_time_seconds)} UTC"
        )
    if identity.open_calls:
        parts.append("calls now")
    elif identity.last_seen_time_seconds:
        parts.append(f"last seen {minute(identity.last_seen_time_seconds)} UTC")
    else:
        parts.append("never seen")
    if identity.revoked_time_seconds:
        why = f" ({identity.revoked_reason})" if identity.revoked_reason else ""
        parts.append(
            f"revoked {minute(identity.revoked_time_seconds)} UTC by {identity.revoked_by}{why}"
        )
    serial = f"  serial {identity.serial}" if identity.serial else ""
    return f"{identity.name}: {', '.join(parts)}{serial}"
