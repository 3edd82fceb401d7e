"""A check that is a container, as the message that an agent is sent."""

from headstart.collector.experiments.file.check_forms import CheckForm
from headstart.collector.experiments.file.needs_forms import put_needs
from headstart.collector.experiments.file.value_forms import put_environment
from headstart.v1 import experiment_pb2 as pb
from headstart.words.containers import CHECK_PREFIX

# Tests take longer than a command that asks once.
_TIMEOUT_SECONDS = 300.0


def container_check(form: CheckForm, number: int) -> pb.ContainerCheck:
    """Of the check at this place, from 1."""
    container = pb.Variant(
        name=f"{CHECK_PREFIX}{number}",
        image=form.image or "",
        entrypoint=form.entrypoint or (),
        arguments=form.command or (),
        working_directory=form.workdir or "",
    )
    put_environment(container, form.env)
    put_needs(container, form)
    states_time = "timeout" in form.model_fields_set
    return pb.ContainerCheck(
        container=container,
        exit_status=form.exit,
        output_pattern=form.output or "",
        timeout_seconds=form.timeout if states_time else _TIMEOUT_SECONDS,
        junit=form.junit or "",
        memory_limit_bytes=round(form.memory or 0),
    )
