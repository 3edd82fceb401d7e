"""`headstart collector`."""

import asyncio
import gc
import logging
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from headstart.cli import interrupt
from headstart.cli.errors import InputError
from headstart.cli.given import OutputFolder
from headstart.cli.grpc_polling import read_by_one_thread
from headstart.cli.logs import log_options, log_to_stderr
from headstart.cli.loop import run_loop
from headstart.cli.service_manager import tell_ready
from headstart.cli.size_option import size_bytes
from headstart.cli.store_url import url_has_password
from headstart.cli.tls_options import certificate_option, key_option, pem_option
from headstart.words.exposed_series import MAXIMUM_SERIES
from headstart.words.foreign.addresses import socket_path
from headstart.words.log_fields import with_fields

if TYPE_CHECKING:
    from headstart.collector.config import CollectorConfig

log = logging.getLogger(__name__)

# Python's own are for programs that make little: 700, 10, 10.
_COLLECT_AFTER = 20_000, 20, 50
# How long a thread that computes keeps the interpreter from one that waits. The event loop gives it
# up with each message that it sends: at Python's own 5 ms a commit or a page may keep a thousand
# acks waiting on a machine that has much other work, and at 0.5 ms the switches cost as much.
_SWITCH_SECONDS = 0.002


def _store_url(context: click.Context, parameter: click.Parameter, url: str) -> str:
    """Refuse a password that whoever lists this machine's processes reads."""
    typed = context.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE
    if typed and url_has_password(url):
        raise InputError(
            "--store has a password in it, which everybody on this machine sees: name a file by "
            "PGPASSFILE (HOST:PORT:DATABASE:USER:PASSWORD a line, mode 0600), or set "
            "HEADSTART_COLLECTOR_STORE"
        )
    return url


@click.command("collector")
@click.option(
    "--data",
    type=OutputFolder(),
    default=Path("headstart-data"),
    show_default=True,
    help="Folder of the store, or beside it; made when missing.",
)
@click.option(
    "--store",
    metavar="postgresql://USER@HOST/DATABASE",
    default="",
    callback=_store_url,
    help="PostgreSQL database that holds the store, as libpq reads it: docs/STORE.md. A password "
    "stands in PGPASSFILE, not here. Default: a SQLite file in --data.",
)
@click.option(
    "--stand-by",
    is_flag=True,
    help="Share the database of --store with other collectors that say so too: one is active, and "
    "another takes over within seconds when it is gone (docs/STANDBY.md).",
)
@click.option(
    "--listen",
    multiple=True,
    metavar="unix:PATH|HOST:PORT",
    help="gRPC; may be repeated. Default: a socket of this user's, which commands find by "
    "themselves. TCP takes certificates of the collector's own authority, or by the three --tls "
    "files of another; with its own it listens on that socket too.",
)
@click.option(
    "--enroll-listen",
    metavar="HOST:PORT",
    help="Where tokens (headstart token create) are traded for certificates. Default: nowhere.",
)
@click.option(
    "--advertise",
    multiple=True,
    metavar="HOST[:PORT]",
    help="By what others reach this collector; may be repeated, the first goes into tokens. "
    "Default: this host's name and what --listen says.",
)
@click.option(
    "--certificate-days",
    type=click.FloatRange(min=0.0, min_open=True, max=90),
    default=7.0,
    show_default=True,
    help="How long certificates of agents and people hold; they are renewed after half of it.",
)
@click.option(
    "--metrics-listen",
    default="127.0.0.1:9470",
    show_default=True,
    help="Prometheus /metrics, host:port; 'none' for no metrics.",
)
@certificate_option
@key_option
@pem_option(
    "--tls-client-authority",
    "Authority of the clients' certificates, PEM: clients without one are refused.",
)
@click.option(
    "--roles",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="TOML: which names of certificates are operators, readers, agents. Default: each "
    "certificate of --tls-client-authority is an agent's, for the host that it names.",
)
@click.option(
    "--metrics-tls", is_flag=True, help="Serve /metrics with the same certificate and authority."
)
@click.option(
    "--metrics-token-file",
    "metrics_tokens",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Bearer tokens of which a scrape has to have one, a line each, 16 characters or more; "
    "read anew when it changes. Nobody else may read the file.",
)
@click.option(
    "--metrics-basic-auth-file",
    "metrics_passwords",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="As --metrics-token-file, of lines NAME:PASSWORD for basic auth; with both, either does.",
)
@click.option(
    "--metrics-anyone-can-read",
    is_flag=True,
    help="Allow /metrics without certificates where other machines reach it.",
)
@click.option(
    "--metrics-series",
    type=click.IntRange(min=1_000, max=2_000_000),
    default=MAXIMUM_SERIES,
    show_default=True,
    help="Series of results, hosts and shifts that /metrics has at most; the newest results stay. "
    "Prometheus' sample_limit has to be above it.",
)
@click.option(
    "--metrics-detail",
    type=click.Choice(["standard", "full"]),
    default="full",
    show_default=True,
    help="full: with the interval and the ratio of every figure and with warm-up curves, some 140 "
    "series a variant, for the newest results while the standard series of all results leave room. "
    "standard: 60 series a variant at most.",
)
@click.option(
    "--plaintext-anyone-can-submit",
    is_flag=True,
    help="Allow a loopback port without certificates: whatever runs on this machine, containers "
    "in its network too, can have experiments run.",
)
@click.option("--insecure", is_flag=True, hidden=True)
@click.option(
    "--keep-samples-days",
    type=click.FloatRange(min=0),
    help="Delete raw samples of runs older than this; results stay. Default: keep.",
)
@click.option(
    "--store-bytes",
    metavar="SIZE",
    callback=size_bytes,
    help="Delete raw samples of the oldest ended runs when the store is larger, such as 20GiB, and "
    "give their room back; results stay. Default: keep.",
)
@click.option(
    "--run-bytes",
    metavar="SIZE",
    callback=size_bytes,
    help="Raw records that one run may store; one that needs more fails. Default: 1GiB.",
)
@click.option(
    "--agent-bytes",
    metavar="SIZE",
    callback=size_bytes,
    help="Raw records that all runs of one host may store, as far as they are kept. "
    "Default: 16GiB.",
)
@click.option(
    "--context-bytes",
    metavar="SIZE",
    callback=size_bytes,
    help="The context of one build that is submitted, as it is sent; it may unpack to eight times "
    "as much. Default: 256MiB.",
)
@click.option(
    "--all-context-bytes",
    metavar="SIZE",
    callback=size_bytes,
    help="Those that are kept for runs which have not ended. Default: 8GiB.",
)
@click.option(
    "--reruns/--no-reruns",
    default=True,
    show_default=True,
    help="When a figure got worse over revisions, run old and new again in turns to confirm it.",
)
@log_options("info")
def command(
    data: Path,
    store: str,
    stand_by: bool,
    listen: tuple[str, ...],
    enroll_listen: str | None,
    advertise: tuple[str, ...],
    certificate_days: float,
    metrics_listen: str,
    tls_certificate: Path | None,
    tls_key: Path | None,
    tls_client_authority: Path | None,
    roles: Path | None,
    metrics_tls: bool,
    metrics_tokens: Path | None,
    metrics_passwords: Path | None,
    metrics_anyone_can_read: bool,
    metrics_series: int,
    metrics_detail: str,
    plaintext_anyone_can_submit: bool,
    insecure: bool,
    keep_samples_days: float | None,
    store_bytes: int | None,
    run_bytes: int | None,
    agent_bytes: int | None,
    context_bytes: int | None,
    all_context_bytes: int | None,
    reruns: bool,
) -> None:
    """Receive, store and judge what agents measure, until SIGINT, SIGTERM or SIGHUP."""
    # Late: they bring gRPC, which `--help` does without.
    from headstart.cli.connection import default_address
    from headstart.collector.config import (
        CollectorConfig,
        IdentitySettings,
        Quotas,
        Retention,
        TlsFiles,
    )

    if insecure:
        raise InputError(
            "--insecure is no more: --plaintext-anyone-can-submit allows a loopback port without "
            "certificates, --metrics-anyone-can-read a /metrics that other machines read; "
            "a gRPC port that other machines reach takes certificates"
        )
    tls = None
    if tls_certificate and tls_key and tls_client_authority:
        tls = TlsFiles(tls_certificate, tls_key, tls_client_authority)
    elif tls_certificate or tls_key or tls_client_authority:
        raise InputError(
            "--tls-certificate, --tls-key and --tls-client-authority go together: without the "
            "authority anyone who reaches the port can submit"
        )
    if stand_by and not store:
        raise InputError("--stand-by shares a database: it goes with --store postgresql://...")
    if roles is not None:
        _check_roles(roles, tls is not None)
    asked = {
        "run_bytes": run_bytes,
        "agent_bytes": agent_bytes,
        "context_bytes": context_bytes,
        "all_contexts_bytes": all_context_bytes,
    }
    quotas = {name: size for name, size in asked.items() if size is not None}
    age = keep_samples_days * 86400 if keep_samples_days is not None else None
    config = CollectorConfig(
        data=data,
        store=store,
        stand_by=stand_by,
        listen=listen or default_address(),
        metrics_listen=None if metrics_listen == "none" else metrics_listen,
        tls=tls,
        identity=IdentitySettings(
            advertise, enroll_listen, client_seconds=certificate_days * 86400
        ),
        roles=roles,
        plaintext=plaintext_anyone_can_submit,
        metrics_tokens=metrics_tokens,
        metrics_passwords=metrics_passwords,
        metrics_open=metrics_anyone_can_read,
        metrics_series=metrics_series,
        metrics_detailed=metrics_detail == "full",
        retention=Retention(age_seconds=age, store_bytes=store_bytes),
        quotas=replace(Quotas(), **quotas),
        confirm_regressions=reruns,
    )
    if config.has_authority and all(socket_path(each) is None for each in config.addresses):
        # Where the first token is made.
        config = replace(config, listen=(*config.addresses, default_address()))
    if metrics_tls:
        if config.port_tls is None:
            raise InputError(
                "--metrics-tls needs certificates: the three --tls files, or a --listen HOST:PORT "
                "that takes those of the collector's own authority"
            )
        config = replace(config, metrics_tls=config.port_tls)
    log_to_stderr("%(asctime)s %(levelname)s %(message)s")
    read_by_one_thread()
    run_loop(_serve(config))


def _check_roles(path: Path, has_certificates: bool) -> None:
    from headstart.collector.identity.roles_file import RolesFile, RolesFileError

    if not has_certificates:
        raise InputError(
            "--roles is about certificates: it goes with --tls-certificate, --tls-key and "
            "--tls-client-authority"
        )
    try:
        RolesFile(path)
    except RolesFileError as error:
        raise InputError(*str(error).splitlines()) from error


async def _serve(config: "CollectorConfig") -> None:
    from headstart.cli.faults import collector_faults
    from headstart.collector.server import Collector

    sys.setswitchinterval(_SWITCH_SECONDS)
    if config.stand_by:
        await _take_turns(config)
        return
    with collector_faults():
        collector = await Collector.start(config)
    # What was imported stays; to look through it again and again takes a tenth of the time that
    # a thousand agents leave.
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
    stop = asyncio.Event()
    addresses = " and ".join(collector.addresses)
    fields = with_fields(
        addresses=addresses,
        metrics_port=collector.metrics_port,
        enrolment_port=collector.enrolment_port,
    )
    log.info("collector listens", extra=fields)
    with interrupt.stopping(stop.set):
        tell_ready()
        await stop.wait()
        await collector.stop()


async def _take_turns(config: "CollectorConfig") -> None:
    from headstart.cli.faults import collector_faults
    from headstart.collector.turns import Turns

    stop = asyncio.Event()
    with collector_faults():
        turns = await Turns.start(config)
        gc.freeze()
        gc.set_threshold(*_COLLECT_AFTER)
        with interrupt.stopping(stop.set):
            tell_ready()
            try:
                await turns.run(stop)
            except BaseException:
                # What did not end would keep Python from it.
                interrupt.end_within()
                raise
