"""`headstart cancel`."""

from pathlib import Path

import click

from headstart.cli.client import channel_credentials, collector_options, experiments
from headstart.cli.progress import describe
from headstart.v1.experiments_pb2 import CancelRequest


@click.command("cancel")
@click.argument("run_id")
@click.option("--reason", default="cancelled by hand", show_default=True)
@collector_options
def command(
    run_id: str,
    reason: str,
    target: str,
    tls_authority: Path | None,
    tls_certificate: Path | None,
    tls_key: Path | None,
) -> None:
    """Stop RUN_ID: the agent cleans up and delivers what it has."""
    credentials = channel_credentials(tls_authority, tls_certificate, tls_key)
    with experiments(target, credentials) as stub:
        run = stub.Cancel(CancelRequest(run_id=run_id, reason=reason)).run
    click.echo(describe(run))
