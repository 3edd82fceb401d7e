"""`headstart accept`."""

from pathlib import Path

import click

from headstart.cli.client import channel_credentials, collector_options, experiments
from headstart.v1.experiments_pb2 import AcceptShiftRequest


@click.command("accept")
@click.argument("shift", type=click.IntRange(min=1))
@click.option("--reason", default="", help="Why; shown in the history.")
@collector_options
def command(
    shift: int,
    reason: str,
    target: str,
    tls_authority: Path | None,
    tls_certificate: Path | None,
    tls_key: Path | None,
) -> None:
    """End an open SHIFT, by its number in `headstart history`: no alert, a new level.

    Later revisions are judged by the new level as soon as it has points enough.
    """
    credentials = channel_credentials(tls_authority, tls_certificate, tls_key)
    with experiments(target, credentials) as stub:
        stub.AcceptShift(AcceptShiftRequest(shift_id=shift, reason=reason))
    click.echo(f"shift {shift} is accepted")
