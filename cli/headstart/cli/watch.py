"""`headstart watch`."""

from pathlib import Path

import click

from headstart.cli.client import channel_credentials, collector_options, experiments, follow
from headstart.cli.errors import SYSTEM_FAILED
from headstart.cli.progress import ProgressLines
from headstart.v1.experiments_pb2 import RunState


@click.command("watch")
@click.argument("run_id")
@collector_options
def command(
    run_id: str,
    target: str,
    tls_authority: Path | None,
    tls_certificate: Path | None,
    tls_key: Path | None,
) -> int:
    """Follow RUN_ID until it ended; exit code 3 when it did not end well."""
    credentials = channel_credentials(tls_authority, tls_certificate, tls_key)
    lines = ProgressLines()
    try:
        with experiments(target, credentials) as stub:
            ended = follow(stub, run_id, lines.show)
    finally:
        lines.close()
    return 0 if ended.state == RunState.RUN_STATE_DONE else SYSTEM_FAILED
