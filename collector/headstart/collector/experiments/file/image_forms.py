"""References of images, as single values of an experiment file."""

from typing import Any

from headstart.collector.experiments.file.phrases import found, quoted
from headstart.collector.experiments.file.units import Scalar
from headstart.words.foreign.image_reference import (
    REFERENCE_PATTERN,
    MalformedReference,
    parse_image,
)

_MAXIMUM = 512
_EXAMPLE = "'players:aot' or 'registry.example/players@sha256:…'"


class Image(Scalar):
    """A reference by Docker's grammar, kept as it was written: a name, an id or a digest."""

    def parse(self, value: object) -> str:
        if not isinstance(value, str):
            raise ValueError(f"expected an image such as {_EXAMPLE}, found {found(value)}")
        if len(value) > _MAXIMUM:
            raise ValueError(f"expected at most {_MAXIMUM} characters, found {len(value)}")
        try:
            parse_image(value)
        except MalformedReference as error:
            raise ValueError(f"{quoted(value)} is no reference of an image: {error}") from error
        return value

    def json_schema(self) -> dict[str, Any]:
        return {
            "type": "string",
            "minLength": 1,
            "maxLength": _MAXIMUM,
            "pattern": REFERENCE_PATTERN,
            "examples": ["players:aot"],
        }
