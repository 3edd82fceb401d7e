"""`headstart submit`."""

from pathlib import Path

import click

from headstart.cli.client import experiments
from headstart.cli.connection import Connection, collector_options
from headstart.cli.errors import InputError
from headstart.cli.json_output import in_words, say_object
from headstart.cli.plan_options import plan_options, with_options
from headstart.cli.terminal import say
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
    as_json: bool,
    collector: Connection,
) -> None:
    """Submit the experiment in FILE: one run on every host whose labels match."""
    changes = blocks, duration, settings
    request = submission(file, revision, aa, changes=changes, keep_going=keep_going)
    # Late: what packs and reads files takes longer to import than most files to submit.
    from headstart.cli.sent_contexts import packed_contexts

    with packed_contexts(request) as contexts, experiments(collector) as stub:
        contexts.send(stub, request)
        runs = stub.Submit(request).runs
    if as_json:
        sent = {"contexts": contexts.as_json()} if contexts.by_variant else {}
        say_object({"runs": [in_words(run) for run in runs], **sent})
        return
    for line in contexts.lines():
        say(line, err=True)
    for run in runs:
        say(f"{run.run_id}  {run.experiment} on {run.host}")


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
