"""`headstart dashboards`: boards for Grafana, as files or by its HTTP API."""

import importlib.metadata
import os
import ssl
import stat
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING

import click

from headstart.cli.configuration_option import configuration_option, configured
from headstart.cli.errors import CommandError, InputError
from headstart.cli.given import Folder, Name, OutputFolder
from headstart.cli.terminal import say

if TYPE_CHECKING:
    from headstart.dashboards.delivery import GrafanaApi

TOKEN_VARIABLE = "HEADSTART_GRAFANA_TOKEN"  # noqa: S105  # its name
_LARGEST_TOKEN = 4_096


@click.group("dashboards")
def command() -> None:
    """Bring the dashboards to Grafana: as files, or by its HTTP API."""


@command.command("write")
@click.option(
    "-o",
    "--output",
    type=OutputFolder(),
    required=True,
    metavar="DIR",
    help="Folder to write to, such as /etc/grafana/provisioning; made when missing.",
)
@configuration_option
def write(output: Path, config: Path | None) -> None:
    """Write what Grafana provisions from files: boards (JSON), provider and data source (YAML)."""
    from headstart.dashboards.delivery import write_provisioning

    configuration = configured(config)
    try:
        paths = write_provisioning(output, configuration)
    except OSError as error:
        raise InputError(f"{error.filename or output}: {error.strerror}") from error
    for path in paths:
        say(str(path))


@command.command("push")
@click.option(
    "--grafana",
    type=Name(),
    metavar="URL",
    help="Grafana's address, with its sub path. Default: external_url.grafana of --config.",
)
@click.option(
    "--token-file",
    type=Folder(),
    metavar="FILE",
    help="File with the token of a service account that has the role Editor. Default: the token "
    f"in {TOKEN_VARIABLE}.",
)
@click.option(
    "--folder",
    type=Name(),
    metavar="NAME",
    help="Title or UID of the folder; made when missing. Default: grafana.folder of --config.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option(
    "--ca",
    type=Folder(),
    metavar="FILE",
    help="Certificate of the authority that signed Grafana's, PEM. Default: this machine's.",
)
@click.option(
    "--insecure", is_flag=True, help="Send the token to whoever answers, whatever certificate."
)
@configuration_option
def push(
    grafana: str | None,
    token_file: Path | None,
    folder: str | None,
    dry_run: bool,
    ca: Path | None,
    insecure: bool,
    config: Path | None,
) -> None:
    """Create the dashboards in a Grafana, or update what differs.

    A board that is the same stays untouched: a second push changes nothing.
    """
    from headstart.dashboards.delivery import GrafanaFault, push as pushed
    from headstart.dashboards.generate import dashboards

    configuration = configured(config)
    url = (grafana or configuration.external_url.grafana).rstrip("/")
    api = _grafana(url, token_file, ca, insecure)
    counts = dict.fromkeys(("created", "updated", "unchanged"), 0)
    try:
        for step in pushed(
            api,
            dashboards(configuration),
            folder or configuration.grafana.folder,
            message=f"headstart {importlib.metadata.version('headstart')}",
            dry_run=dry_run,
        ):
            counts[step.done] += 1
            said = f"would be {step.done}" if dry_run and step.done != "unchanged" else step.done
            say(f"{said}: {step.what}" + (f", {step.url}" if step.url else ""))
    except GrafanaFault as fault:
        raise (InputError if fault.given else CommandError)(str(fault)) from fault
    if not counts["created"] and not counts["updated"]:
        say("nothing changed" if not dry_run else "nothing would change")


def _grafana(url: str, token_file: Path | None, ca: Path | None, insecure: bool) -> "GrafanaApi":
    """The client that the options mean. Raises InputError with all that is wrong with them."""
    from headstart.dashboards.configuration import is_url
    from headstart.dashboards.delivery import GrafanaApi

    problems = []
    if not url:
        problems.append("name Grafana's address by --grafana, or external_url.grafana of --config")
    elif not is_url(url):
        problems.append(
            f"--grafana: expected an address such as https://grafana.example, got {url!r}"
        )
    if ca is not None and insecure:
        problems.append("--ca and --insecure exclude each other")
    token, tls = "", None
    try:
        token = _token(token_file)
    except InputError as error:
        problems += error.lines
    try:
        tls = _tls(ca, insecure)
    except (OSError, ssl.SSLError) as error:
        problems.append(f"--ca: {ca}: {error.strerror or 'no certificate in PEM'}")
    if problems:
        raise InputError(*problems)
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
        say("headstart: warning: http: the token travels readable for all on the way", err=True)
    return GrafanaApi(url, token, tls if parts.scheme == "https" else None)


def _tls(ca: Path | None, insecure: bool) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca)
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _token(file: Path | None) -> str:
    """Of the file, else of the environment; it is never an argument, which others can see."""
    where = f"--token-file: {file}" if file else TOKEN_VARIABLE
    if file is None:
        text = os.environ.get(TOKEN_VARIABLE, "")
        if not text:
            raise InputError(f"a token is needed: --token-file FILE, or {TOKEN_VARIABLE}")
    else:
        try:
            with file.open("rb") as opened:
                text = opened.read(_LARGEST_TOKEN + 1).decode("ascii", "replace")
                readable = os.fstat(opened.fileno()).st_mode & stat.S_IROTH
        except OSError as error:
            raise InputError(f"{where}: {error.strerror}") from error
        if readable:
            say(f"headstart: warning: {file}: every user here can read this token", err=True)
    token = text.strip()
    if not token or len(token) > _LARGEST_TOKEN or not all("!" <= c <= "~" for c in token):
        raise InputError(f"{where}: expected a token: one line of letters, digits and signs")
    return token
