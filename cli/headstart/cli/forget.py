"""`headstart forget`."""

import sys

import click

from headstart.cli.client import experiments
from headstart.cli.errors import InputError
from headstart.cli.found_runs import Runs, runs_options
from headstart.cli.given import Name
from headstart.cli.json_output import in_words, say_object
from headstart.cli.lost_words import lost_words
from headstart.cli.terminal import say
from headstart.v1.experiments_pb2 import ForgetRequest


@click.command("forget")
@click.argument("names", type=Name(), nargs=-1, required=True, metavar="EXPERIMENT|RUN...")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Say what would be lost, and forget nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print what is lost as JSON.")
@runs_options
def command(
    names: tuple[str, ...], yes: bool, dry_run: bool, as_json: bool, collector: Runs
) -> None:
    """Forget runs, or all of an experiment: records, results, history and metrics.

    Nobody can bring them back. What has not ended is cancelled first, by `headstart cancel`.
    """
    with experiments(collector) as stub:
        if not yes or dry_run:
            lost = stub.Forget(ForgetRequest(names=names, dry_run=True)).lost
            if dry_run:
                _say(f"would be lost: {lost_words(lost)}", in_words(lost), as_json)
                return
            say(f"lost for good: {lost_words(lost)}", err=True)
            if not sys.stdin.isatty():
                raise InputError("nobody can be asked: say --yes to forget for good, or --dry-run")
            if not click.confirm("Forget them?", err=True):
                say("nothing was forgotten", err=True)
                return
        lost = stub.Forget(ForgetRequest(names=names)).lost
    _say(f"forgotten: {lost_words(lost)}", in_words(lost), as_json)


def _say(line: str, lost: dict[str, object], as_json: bool) -> None:
    if as_json:
        say_object({"lost": lost})
    else:
        say(line)
