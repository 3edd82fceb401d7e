"""What the models of an experiment file have in common: strictness and shorthands."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from headstart.collector.experiments.file.document import Path
from headstart.collector.experiments.file.field_docs import field_docs
from headstart.collector.experiments.file.units import Scalar, Text


class Form(BaseModel):
    """Keys and values of an experiment file: no other keys, no conversions.

    Defaults are written as a user would write them and are read the same way.
    The text under each field is what an editor shows of it.
    """

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        validate_default=True,
    )

    # Of these keys exactly one is there.
    EXACTLY_ONE: ClassVar[tuple[str, ...]] = ()
    # Those of them that stand beside another one too, where they mean something else.
    MAY_FOLLOW: ClassVar[dict[str, str]] = {}

    @classmethod
    def known_keys(cls) -> dict[str, Any]:
        """The keys as they stand in the file, with their annotations."""
        return {field.alias or name: field.annotation for name, field in cls.model_fields.items()}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        found = handler.resolve_ref_schema(handler(schema))
        for name, text in field_docs(cls).items():
            if name in cls.model_fields:
                found["properties"][cls.model_fields[name].alias or name]["description"] = text
        if cls.EXACTLY_ONE:
            found["oneOf"] = [
                {"required": [key], "not": {"required": [cls.MAY_FOLLOW[key]]}}
                if key in cls.MAY_FOLLOW
                else {"required": [key]}
                for key in cls.EXACTLY_ONE
            ]
        return found


def written(text: str | float | bool) -> Any:
    """A default in the form in which a file would state it."""
    return text


@dataclass(frozen=True)
class Shorthand:
    """Lets one value stand for keys and values: `GET /health` for `{request: GET /health}`."""

    key: str
    scalar: Scalar

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._expand, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": [self.scalar.json_schema(), handler(schema)]}

    def _expand(self, value: object) -> object:
        if not isinstance(value, dict):
            # Raises for what is not even the short form.
            self.scalar.parse(value)
            return {self.key: value}
        return value


def walk(annotation: Any, data: Any, path: Path = ()) -> Iterator[tuple[Path, type[Form], Any]]:
    """Every place in the data where the models expect keys and values and find them."""
    if isinstance(annotation, type) and issubclass(annotation, Form):
        if isinstance(data, dict):
            yield path, annotation, data
            for key, inner in annotation.known_keys().items():
                if key in data:
                    yield from walk(inner, data[key], (*path, key))
        return
    arguments = get_args(annotation)
    if get_origin(annotation) is dict:
        if isinstance(data, dict):
            for key, value in data.items():
                yield from walk(arguments[1], value, (*path, key))
    elif get_origin(annotation) is list:
        if isinstance(data, list):
            for index, value in enumerate(data):
                yield from walk(arguments[0], value, (*path, index))
    else:
        # A union with None, or an annotated type; scalars have nothing within.
        for argument in arguments:
            yield from walk(argument, data, path)


def sections(form: type[Form]) -> Iterator[tuple[str, type[Form]]]:
    """The keys of a form that hold keys and values of their own, with their forms."""
    for key, annotation in form.known_keys().items():
        for inner in (annotation, *get_args(annotation)):
            if isinstance(inner, type) and issubclass(inner, Form):
                yield key, inner


# Names of experiments, variants and containers: RFC 1123, section 2.1.
Label = Annotated[
    str,
    Text(
        what="a name of a-z, 0-9 and, within, '-', at most 63 long",
        pattern="[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?",
        maximum=63,
    ),
]
Line = Annotated[str, Text("one line of text", r"[^\r\n]{1,200}", maximum=200)]
Argument = Annotated[str, Text("an argument", loose=True)]
Header = Annotated[str, Text("one line of ASCII", r"[\t -~]*", loose=True)]
EnvironmentName = Annotated[
    str,
    Text(
        what="the name of an environment variable",
        pattern=r"[A-Za-z_][A-Za-z0-9_.-]{0,254}",
        maximum=255,
    ),
]
EnvironmentValue = Annotated[str, Text("text", maximum=32768, loose=True)]
# An address is none: what it held would not be known afterwards.
FOLDER = Text("the path of a folder", r"(?!.*://)[^\r\n]+")
FolderPath = Annotated[str, FOLDER]
