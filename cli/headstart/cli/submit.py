"""`headstart submit`."""

from pathlib import Path
from typing import Any

import click

from headstart.cli.client import experiments
from headstart.cli.connection import Connection, collector_options
from headstart.cli.errors import InputError
from headstart.cli.exit_codes import ExitCode
from headstart.cli.json_output import in_words, say_object
from headstart.cli.plan_options import plan_options, with_options
from headstart.cli.progress import waiting_head
from headstart.cli.terminal import say
from headstart.cli.verdict_code import strict_option
from headstart.cli.waiting_options import Waiting, waiting_options
from headstart.v1.experiments_pb2 import SubmitRequest
from headstart.words.foreign.text_files import NotUtf8, read_text


@click.command("submit")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--revision", default="", help="What was built: a commit, a tag, a build number.")
@click.option("--aa", is_flag=True, help="Compare the baseline with itself, to try the hosts.")
@plan_options
@click.option(
    "--keep-going", is_flag=True, help="Measure what a host can, though something is missing there."
)
@waiting_options
@click.option(
    "--wait",
    is_flag=True,
    help="Follow the runs until all ended; exit with what they found, as `headstart run` does.",
)
@strict_option
@click.option("--json", "as_json", is_flag=True, help="Print the runs as JSON.")
@collector_options
def command(
    file: Path,
    revision: str,
    aa: bool,
    blocks: str | None,
    duration: str | None,
    settings: tuple[str, ...],
    keep_going: bool,
    any_host: bool,
    priority: int,
    expires: float | None,
    if_busy: str,
    wait: bool,
    strict: bool,
    as_json: bool,
    collector: Connection,
) -> int:
    """Submit the experiment in FILE: one run on every host whose labels match.

    headstart submit players.yaml --revision "$(git rev-parse --short HEAD)" --wait
    """
    if strict and not wait:
        raise InputError("--strict goes with --wait")
    changes = blocks, duration, settings
    request = submission(file, revision, aa, changes=changes, keep_going=keep_going)
    waiting = Waiting(any_host, priority, expires, if_busy)
    waiting.put(request)
    # Late: what packs and reads files takes longer to import than most files to submit.
    from headstart.cli.sent_contexts import packed_contexts

    with packed_contexts(request) as contexts, experiments(collector) as stub:
        waiting.require(stub, request, wait)
        contexts.send(stub, request)
        answer = stub.Submit(request)
    runs = answer.runs
    more: dict[str, Any] = {"warnings": list(answer.warnings)}
    if contexts.by_variant:
        more["contexts"] = contexts.as_json()
    for warning in answer.warnings:
        say(f"headstart: warning: {warning}", err=True)
    if as_json and not wait:
        say_object({"runs": [in_words(run) for run in runs], **more})
        return ExitCode.OK
    if not as_json:
        for line in contexts.lines():
            say(line, err=True)
        for run in runs:
            say(f"{run.run_id}  {waiting_head(run)}")
    if not wait:
        return ExitCode.OK
    from headstart.cli.submit_and_wait import wait_for

    return wait_for(collector, runs, strict, more if as_json else None)


def submission(
    file: Path,
    revision: str,
    aa: bool = False,
    aa_variant: str = "",
    changes: tuple[str | None, str | None, tuple[str, ...]] = (None, None, ()),
    keep_going: bool = False,
) -> SubmitRequest:
    """The request that carries a file; relative paths in it mean its own folder.

    `changes` are what `plan_options` were given.
    """
    try:
        text = read_text(file)
    except NotUtf8 as error:
        raise InputError(f"{file}:{error.line}:{error.column}: {error}") from error
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from error
    changed = with_options(text, file, *changes)
    return SubmitRequest(
        source_text=changed,
        base_directory=str(file.resolve().parent),
        revision=revision,
        # A key that the file did not have moves the lines below it.
        file_name=f"{file} (as changed)" if changed != text else str(file),
        aa=aa,
        aa_variant=aa_variant,
        keep_going=keep_going,
    )
