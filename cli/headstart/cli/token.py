"""`headstart token`: what lets hosts and people in."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import click
import grpc

from headstart.cli.client import explained
from headstart.cli.connection import Connection, collector_options
from headstart.cli.dates import minute
from headstart.cli.duration_option import seconds
from headstart.cli.given import Name
from headstart.cli.json_output import in_words, say_object
from headstart.cli.terminal import say
from headstart.v1.identity_pb2 import (
    CreateTokenRequest,
    ListTokensRequest,
    RevokeTokenRequest,
    Token,
)
from headstart.v1.identity_pb2_grpc import IdentityServiceStub
from headstart.words.roles import Role

# As many as a collector allows.
_MOST_USES = 1000


@click.group("token")
def command() -> None:
    """Make, list and revoke tokens, each of which lets a host or a person in.

    For operators: over the collector's socket, or with an operator's certificate.
    """


@command.command("create")
@click.option(
    "--role",
    type=click.Choice([str(role) for role in Role]),
    required=True,
    help="What its certificate is for: a host that measures, a person who submits, or one who "
    "only reads.",
)
@click.option(
    "--name",
    type=Name(),
    default="",
    help="The one name that it may be used for: a host's, or a person's. Default: whoever uses it "
    "says one.",
)
@click.option(
    "--expires",
    default="1h",
    show_default=True,
    metavar="TIME",
    callback=seconds,
    help="When it is worth nothing any more, such as 30m, 12h or 7d.",
)
@click.option(
    "--uses",
    type=click.IntRange(1, _MOST_USES),
    default=1,
    show_default=True,
    help=f"How many may use it, {_MOST_USES} at most.",
)
@click.option(
    "--address",
    default="",
    metavar="HOST:PORT",
    help="Where it is used. Default: --advertise of the collector, with the port of "
    "--enroll-listen.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the token and what it is as JSON.")
@collector_options
def create(
    role: str,
    name: str,
    expires: float,
    uses: int,
    address: str,
    as_json: bool,
    collector: Connection,
) -> None:
    """Print a token, one line: whoever has it gets a certificate by `headstart enroll`.

    headstart token create --role agent --uses 3

    headstart token create --role operator --name anna --expires 1d

    It is shown this once; the collector keeps a hash.
    """
    request = CreateTokenRequest(
        role=role, name=name, lifetime_seconds=expires, uses=uses, address=address
    )
    with _identity(collector) as stub:
        answer = stub.CreateToken(request)
    if as_json:
        say_object({"text": answer.text, "token": in_words(answer.token)})
        return
    say(f"headstart: {_described(answer.token)}", err=True)
    say("headstart: to be used by: headstart enroll TOKEN", err=True)
    say(answer.text)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@collector_options
def show(as_json: bool, collector: Connection) -> None:
    """List tokens, newest first; those that are over stay for a week."""
    with _identity(collector) as stub:
        tokens = stub.ListTokens(ListTokensRequest()).tokens
    if as_json:
        say_object({"tokens": [in_words(token) for token in tokens]})
        return
    if not tokens:
        say("no tokens")
    for token in tokens:
        say(_described(token))


@command.command("revoke")
@click.argument("token_id", type=Name())
@collector_options
def revoke(token_id: str, collector: Connection) -> None:
    """Make a token worth nothing, by its id or the beginning of it.

    Certificates that it gave stay.
    """
    with _identity(collector) as stub:
        token = stub.RevokeToken(RevokeTokenRequest(token_id=token_id)).token
    say(_described(token))


@contextmanager
def _identity(collector: Connection) -> Iterator[IdentityServiceStub]:
    """A stub; errors of its calls come out as CommandError or InputError."""
    connection = collector.reached()
    with connection.channel() as channel:
        try:
            yield IdentityServiceStub(channel)
        except grpc.RpcError as error:
            raise explained(error, connection) from error


def _described(token: Token) -> str:
    whom = f"{token.role} '{token.name}'" if token.name else f"any {token.role}"
    used = f"{token.uses - token.uses_left} of {token.uses} uses"
    return f"token {token.token_id}: for {whom}, {used}, {_state(token)}, made by {token.made_by}"


def _state(token: Token) -> str:
    if token.revoked_time_seconds:
        return f"revoked {_clock(token.revoked_time_seconds)}"
    verb = "expired" if token.expires_time_seconds <= time.time() else "expires"
    return f"{verb} {_clock(token.expires_time_seconds)}"


def _clock(unix: float) -> str:
    return f"{minute(unix)} UTC"
