"""The JSON Schema of experiment files: `python -m headstart.collector.experiments.json_schema`.

It writes docs/experiment.schema.json, from which editors complete and check
experiment files. CI writes it again and compares.
"""

import json
import sys
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from headstart.collector.experiments.file.models import ExperimentForm

# The newest that yaml-language-server reads. What the models need is the same
# in later drafts.
_DIALECT = "http://json-schema.org/draft-07/schema#"


class _Generator(GenerateJsonSchema):
    """Leaves out what says nothing to the author of a file: null, and titles made of names."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        found = super().default_schema(schema)
        if found.get("default", "") is None:
            del found["default"]
        return found

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        # By default a key that does not match a pattern may be there with any value.
        found = super().dict_schema(schema)
        for pattern, values in found.pop("patternProperties", {}).items():
            found["propertyNames"]["pattern"] = pattern
            found["additionalProperties"] = values
        return found

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002  # pydantic's signature
        return False


def schema() -> dict[str, Any]:
    """The schema as plain data."""
    found = ExperimentForm.model_json_schema(schema_generator=_Generator)
    for definition in found["$defs"].values():
        definition.pop("title", None)
    return {"$schema": _DIALECT, **found, "title": "Headstart experiment"}


def schema_text() -> str:
    """The schema as the file holds it."""
    return json.dumps(schema(), indent=2) + "\n"


def main(arguments: list[str]) -> None:
    """Write the schema to the path given, or to where the repository keeps it."""
    path = Path(arguments[0] if arguments else "docs/experiment.schema.json")
    path.write_text(schema_text(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
