"""`headstart collector`."""

import asyncio
import logging
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from headstart.cli.errors import InputError

if TYPE_CHECKING:
    from headstart.collector.config import CollectorConfig


@click.command("collector")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("headstart-data"),
    show_default=True,
    help="Folder of the store; made when missing.",
)
@click.option("--listen", default="127.0.0.1:7070", show_default=True, help="gRPC, host:port.")
@click.option(
    "--metrics-listen",
    default="127.0.0.1:9470",
    show_default=True,
    help="Prometheus /metrics, host:port; 'none' for no metrics.",
)
@click.option("--tls-certificate", type=click.Path(path_type=Path), help="Own certificate, PEM.")
@click.option("--tls-key", type=click.Path(path_type=Path), help="Private key, PEM.")
@click.option(
    "--tls-client-authority",
    type=click.Path(path_type=Path),
    help="Authority of the agents' certificates, PEM: clients without one are refused.",
)
@click.option(
    "--metrics-tls", is_flag=True, help="Serve /metrics with the same certificate and authority."
)
@click.option(
    "--insecure", is_flag=True, help="Allow a plaintext port that other machines can reach."
)
@click.option(
    "--keep-samples-days",
    type=click.FloatRange(min=0),
    help="Delete raw samples of runs older than this; results stay. Default: keep.",
)
@click.option(
    "--reruns/--no-reruns",
    default=True,
    show_default=True,
    help="When a figure got worse over revisions, run old and new again in turns to confirm it.",
)
def command(
    data: Path,
    listen: str,
    metrics_listen: str,
    tls_certificate: Path | None,
    tls_key: Path | None,
    tls_client_authority: Path | None,
    metrics_tls: bool,
    insecure: bool,
    keep_samples_days: float | None,
    reruns: bool,
) -> None:
    """Receive, store and judge what agents measure, until SIGINT or SIGTERM."""
    from headstart.collector.config import CollectorConfig, Retention, TlsFiles

    if (tls_certificate is None) != (tls_key is None):
        raise InputError("--tls-certificate and --tls-key go together")
    if tls_client_authority and not tls_certificate:
        raise InputError("--tls-client-authority needs --tls-certificate and --tls-key")
    if metrics_tls and not tls_certificate:
        raise InputError("--metrics-tls needs --tls-certificate and --tls-key")
    tls = (
        TlsFiles(tls_certificate, tls_key, tls_client_authority)
        if tls_certificate and tls_key
        else None
    )
    age = keep_samples_days * 86400 if keep_samples_days is not None else None
    config = CollectorConfig(
        data=data,
        listen=listen,
        metrics_listen=None if metrics_listen == "none" else metrics_listen,
        tls=tls,
        metrics_tls=tls if metrics_tls else None,
        insecure=insecure,
        retention=Retention(age_seconds=age),
        confirm_regressions=reruns,
    )
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    asyncio.run(_serve(config))


async def _serve(config: "CollectorConfig") -> None:
    from headstart.cli.faults import collector_faults
    from headstart.collector.server import Collector

    with collector_faults():
        collector = await Collector.start(config)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    metrics = f", metrics on port {collector.metrics_port}" if collector.metrics_port else ""
    click.echo(f"collector listens on port {collector.port}{metrics}", err=True)
    await stop.wait()
    await collector.stop()
