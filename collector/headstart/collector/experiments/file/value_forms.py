"""Values of variables and headers: written into the file, or known to the host that runs it."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from headstart.collector.experiments.file.forms import (
    EnvironmentName,
    Form,
    Header,
    Shorthand,
    written,
)
from headstart.collector.experiments.file.units import Text
from headstart.v1 import experiment_pb2 as pb

_VARIABLE_VALUE = Text("text, or keys such as {from: NAME}", maximum=32768, loose=True)
_HEADER_VALUE = Text(
    "one line of ASCII, or keys such as {from: NAME}", r"[\t -~]*", maximum=4096, loose=True
)
_FILE = Text(
    what="the absolute path of a file, without '..', such as /run/secrets/token",
    pattern=r"(?:/(?!\.{1,2}(?:/|$))[^/\r\n]+)+",
)


class ValueForm(Form):
    """A value, or where the host finds it, so that it stands in no file and in no report."""

    EXACTLY_ONE: ClassVar = ("value", "from", "from_file")

    value: Annotated[str, Text("text", maximum=32768, loose=True)] | None = None
    """The value itself; a text alone is short for this."""
    variable: EnvironmentName | None = Field(default=None, alias="from")
    """A variable of the agent's own environment that has it."""
    from_file: Annotated[str, _FILE] | None = None
    """A file of the host that holds it."""
    prefix: Annotated[str, Text("text", maximum=1000)] = written("")
    """Put before what the host finds, such as `"Bearer "`."""

    @model_validator(mode="after")
    def _prefix_of_what(self) -> "ValueForm":
        if self.prefix and self.value is not None:
            raise ValueError("'prefix' belongs to 'from' and 'from_file': put it into 'value'")
        return self


class HeaderForm(ValueForm):
    """The same of a header of a request."""

    value: Header | None = None
    """The value itself; a text alone is short for this."""
    prefix: Annotated[str, Text("one line of ASCII", r"[\t -~]*", maximum=1000)] = written("")
    """Put before what the host finds, such as `"Bearer "`."""


VariableValue = Annotated[ValueForm, Shorthand("value", _VARIABLE_VALUE)]
HeaderValue = Annotated[HeaderForm, Shorthand("value", _HEADER_VALUE)]


def reference_of(form: ValueForm) -> pb.SecretReference | None:
    """Where the host finds the value; None: the file states it."""
    if form.value is not None:
        return None
    if form.from_file is not None:
        return pb.SecretReference(file=form.from_file, prefix=form.prefix)
    return pb.SecretReference(variable=form.variable or "", prefix=form.prefix)


def put_environment(variant: pb.Variant, env: Mapping[str, ValueForm]) -> None:
    """The variables of a variant, those that the host knows apart."""
    for name, form in env.items():
        if (reference := reference_of(form)) is None:
            variant.environment[name] = form.value or ""
        else:
            variant.secret_environment[name].CopyFrom(reference)


def sent_headers(headers: Mapping[str, ValueForm]) -> list[pb.Header]:
    """The headers of a request, some without the value that only the host knows."""
    return [
        pb.Header(name=name, value=form.value or "", secret=reference_of(form))
        for name, form in headers.items()
    ]
