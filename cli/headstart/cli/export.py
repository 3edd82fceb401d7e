"""`headstart export`."""

import tempfile
from pathlib import Path

import click

from headstart.cli.client import ENDED, experiments, fetch_summary, latest_ended
from headstart.cli.errors import InputError
from headstart.cli.formats import EXPORTS, TABLES, suffix
from headstart.cli.found_runs import Runs, runs_options
from headstart.cli.given import Name, OutputFolder
from headstart.cli.terminal import say
from headstart.v1.experiments_pb2 import ExportFormat, ExportRequest
from headstart.v1.experiments_pb2_grpc import ExperimentsServiceStub
from headstart.words.foreign import clean


@click.command("export")
@click.argument("run_id", type=Name(), required=False)
@click.option(
    "-o",
    "--output",
    type=OutputFolder(),
    default=Path(),
    show_default=True,
    help="Folder for the files; made when missing.",
)
@click.option(
    "--table",
    "names",
    type=click.Choice(list(TABLES)),
    multiple=True,
    default=tuple(TABLES),
    help="What to export; may be repeated. Default: all of them.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(list(EXPORTS)),
    default=next(iter(EXPORTS)),
    show_default=True,
    help="What the files are written as.",
)
@runs_options
def command(
    run_id: str | None,
    output: Path,
    names: tuple[str, ...],
    form: str,
    collector: Runs,
) -> None:
    """Write what was recorded of RUN_ID as files, for pandas, DuckDB or polars.

    Without RUN_ID it is the latest run that has ended.

    RUN_ID.trials.parquet has every trial with its figures, .windows.parquet every window of
    load, .samples.parquet every sample; docs/EXPORT.md has their columns. Invalid trials are
    in them, marked. Files that are there are replaced, all together once all are whole.

    The collector needs pyarrow: pip install 'pyarrow>=19' there.
    """
    with experiments(collector) as stub:
        run = latest_ended(stub) if run_id is None else fetch_summary(stub, run_id)
        try:
            written = _fetch_all(stub, run.run_id, dict.fromkeys(names), EXPORTS[form], output)
        except OSError as error:
            raise InputError(f"{error.filename or output}: {error.strerror}") from error
    for path in written:
        say(f"written: {path} ({path.stat().st_size:,} bytes)", err=True)
    if run.state not in ENDED:
        say(f"run {run.run_id} goes on: this is what was recorded so far", err=True)


def _fetch_all(
    stub: ExperimentsServiceStub,
    run_id: str,
    names: dict[str, None],
    form: ExportFormat.ValueType,
    output: Path,
) -> list[Path]:
    """Written beside their places and moved there at the end: nothing is ever there in part."""
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".headstart-export-", dir=output) as folder:
        fetched = [_fetch(stub, run_id, name, form, Path(folder)) for name in names]
        return [path.replace(output / path.name) for path in fetched]


def _fetch(
    stub: ExperimentsServiceStub, run_id: str, name: str, form: ExportFormat.ValueType, folder: Path
) -> Path:
    # The run's id is what the collector says it is.
    path = folder / f"{clean.file_name(run_id)}.{name}{suffix(ExportFormat, form)}"
    with path.open("wb") as file:
        for piece in stub.Export(ExportRequest(run_id=run_id, table=TABLES[name], format=form)):
            file.write(piece.chunk)
    return path
