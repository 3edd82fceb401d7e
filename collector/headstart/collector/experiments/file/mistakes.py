"""What pydantic finds, in words for the author of the file, each with its place."""

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from headstart.collector.experiments.file.check_forms import TAGS
from headstart.collector.experiments.file.document import Document, Path
from headstart.collector.experiments.file.forms import Form, sections, walk
from headstart.collector.experiments.file.phrases import found, listed, meant, quoted
from headstart.v1.experiments_pb2 import Problem


def problems_of(error: ValidationError, document: Document, model: type[Form]) -> Iterator[Problem]:
    """Every mistake that the models found."""
    forms = {path: form for path, form, _ in walk(model, document.data)}
    for fault in error.errors(include_url=False):
        location = tuple(part for part in fault["loc"] if part not in TAGS)
        path, rest = _split(document.data, location)
        kind = fault["type"]
        if kind == "missing":
            key = str(rest[0])
            message = f"the key '{key}' is missing"
            yield document.problem((*path, key), message)
        elif kind == "extra_forbidden":
            message = _unknown(str(path[-1]), forms[path[:-1]], model)
            if fault["input"] is None:
                message += " (a text with ', ' or ': ' within needs quotes)"
            yield document.problem(path, message, at_key=True)
        else:
            at_key = rest == ("[key]",) or isinstance(fault["input"], dict | list)
            yield document.problem(path, _message(kind, dict(fault)), at_key=at_key)


def _split(data: Any, location: tuple[int | str, ...]) -> tuple[Path, Path]:
    """The part of a location that the file has, and the part that it has not.

    The second is a missing key, pydantic's mark of a key, or the inside of a
    shorthand.
    """
    for index, part in enumerate(location):
        if isinstance(data, list):
            data = dict(enumerate(data))
        if not isinstance(data, dict) or part not in data:
            return location[:index], location[index:]
        data = data[part]
    return location, ()


def _unknown(key: str, form: type[Form], model: type[Form]) -> str:
    if key == "<<":
        return "merge keys are not part of YAML 1.2; write the keys out"
    known = form.known_keys()
    homes = [quoted(name) for name, section in sections(model) if key in section.known_keys()]
    elsewhere = f"; it belongs under {listed(homes)}" if homes else ""
    expected = f"; expected {listed(sorted(known))}"
    return f"unknown key {quoted(key)}{meant(key, known) or elsewhere or expected}"


def _message(kind: str, fault: dict[str, Any]) -> str:
    value, context = fault["input"], fault.get("ctx", {})
    match kind:
        case "value_error":
            return str(context["error"])
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"expected keys and values, found {found(value)}"
        case "list_type":
            return f"expected a list, found {found(value)}"
        case "too_short":
            return f"expected {context['min_length']} or more entries, found {len(value)}"
        case "too_long":
            return f"expected at most {context['max_length']} entries, found {len(value)}"
        case _:
            return str(fault["msg"])
