"""Jobs: what a batch program is given to do, and what goes with them."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field

from headstart.collector.experiments.file.document import Path
from headstart.collector.experiments.file.forms import Argument, Form, written
from headstart.collector.experiments.file.requests import Pattern
from headstart.collector.experiments.file.units import Duration, Whole
from headstart.v1 import experiment_pb2 as pb
from headstart.words.job_names import JobName


class JobForm(Form):
    """Work for a batch program; every repetition is a fresh process, from exec to exit."""

    args: list[Argument] = Field(max_length=256)
    """Its arguments, which follow the variant's own."""
    repeat: Annotated[int, Whole(1, 1000)] = written(3)
    """How often it is done in each trial."""
    exit: Annotated[int, Whole(0, 255)] = written(0)
    """Exit status that is correct."""
    output: Annotated[str, Pattern()] | None = None
    """A regular expression that must be found in what it writes."""
    timeout: Annotated[float, Duration("100ms", "24h")] = written("5min")
    """How long it may take."""


class JobsForm(Form):
    """What a batch program is given to do, in place of a load."""

    short: JobForm | None = None
    """The work of every day."""
    long: JobForm | None = None
    """Enough of it for a JIT to pay off."""


def jobs_of(form: JobsForm | None) -> Iterator[pb.BatchJob]:
    """The message of each job, the short one first."""
    for name in JobName:
        job: JobForm | None = getattr(form, name, None)
        if job is not None:
            command = pb.CommandCheck(
                argv=job.args,
                exit_status=job.exit,
                output_pattern=job.output or "",
                timeout_seconds=job.timeout,
            )
            yield pb.BatchJob(name=name, command=command, repeat=job.repeat)


def broken_job_rules(data: dict[str, Any]) -> Iterator[tuple[Path, str, bool]]:
    """Jobs are to a batch program what load is to a service. See `rules.broken_rules`."""
    if not isinstance(jobs := data.get("jobs"), dict):
        return
    service = data.get("service")
    if isinstance(service, dict) and "port" in service:
        message = "'jobs' belongs to a batch program, and this app has a port; put it under 'load'"
        yield ("jobs",), message, True
    if not jobs:
        yield ("jobs",), "expected at least one of 'short' and 'long'", True
