"""Rules that span several keys, held against the data as it stands in the file.

They do not wait until the models accept the file, so that all mistakes are
told at once; each rule looks only at what has the shape that it needs.
"""

from collections.abc import Iterator
from typing import Any

from headstart.collector.experiments.file.beside_forms import CompanionForm
from headstart.collector.experiments.file.beside_rules import broken_beside_rules
from headstart.collector.experiments.file.check_forms import CheckForm, RequestForm
from headstart.collector.experiments.file.check_rules import broken_check_rules
from headstart.collector.experiments.file.document import Path
from headstart.collector.experiments.file.forms import Form, walk
from headstart.collector.experiments.file.job_forms import broken_job_rules
from headstart.collector.experiments.file.load_forms import broken_load_rules
from headstart.collector.experiments.file.models import BuildForm, ExperimentForm, VariantForm
from headstart.collector.experiments.file.needs_forms import folders_twice, needs_of_a_command
from headstart.collector.experiments.file.phrases import listed, meant, quoted
from headstart.collector.experiments.file.service_rules import broken_service_rules

# Path, message, and whether it is said of the key.
Found = tuple[Path, str, bool]


def broken_rules(data: dict[str, Any]) -> Iterator[Found]:
    """Every rule that the data breaks. Never raises, whatever the data is."""
    for path, form, mapping in walk(ExperimentForm, data):
        yield from _values_are_there(path, form, mapping)
        yield from _exactly_one(path, form, mapping)
        if form is VariantForm:
            yield from _variant(path, mapping)
        if form is BuildForm:
            yield from _build(path, mapping)
        if form is CompanionForm:
            yield from folders_twice(path, mapping)
        if issubclass(form, RequestForm):
            yield from _request(path, mapping)
        if form is CheckForm:
            yield from broken_check_rules(path, mapping)
            yield from _port_of_its_own(path, mapping, _mapping(data, "service"))
    yield from _variants(data)
    yield from broken_service_rules(data)
    yield from broken_job_rules(data)
    yield from _check_names(data)
    yield from broken_load_rules(data)
    yield from broken_beside_rules(data)
    plan = _mapping(data, "plan")
    if isinstance(plan.get("blocks"), int) and "blocks" in _mapping(plan, "maximum"):
        message = "'maximum.blocks' goes with 'blocks: auto'; the number of blocks is fixed here"
        yield ("plan", "maximum", "blocks"), message, True
    if plan.get("network") in ("bridge", "holder") and "address" in _mapping(data, "service"):
        message = (
            "'service.address' is a loopback's; in the bridge an app has an address of its own"
        )
        yield ("service", "address"), message, True


def _mapping(data: Any, key: str) -> dict[str, Any]:
    value = data.get(key) if isinstance(data, dict) else None
    return value if isinstance(value, dict) else {}


def _values_are_there(path: Path, form: type[Form], mapping: dict[str, Any]) -> Iterator[Found]:
    """A key without a value is half a sentence; only JSON documents know null."""
    for key, annotation in form.known_keys().items():
        if key in mapping and mapping[key] is None and annotation is not Any:
            yield (*path, key), "the key has no value; give it one or remove it", True


def _exactly_one(path: Path, form: type[Form], mapping: dict[str, Any]) -> Iterator[Found]:
    keys = form.EXACTLY_ONE
    there = [key for key in keys if key in mapping and form.MAY_FOLLOW.get(key) not in mapping]
    if keys and not there:
        yield path, f"expected {listed(map(quoted, keys))}", True
    for key in there[1:]:
        names = listed(map(quoted, keys), "and")
        yield (*path, key), f"expected only one of {names}; '{there[0]}' is there already", True


def _variants(data: dict[str, Any]) -> Iterator[Found]:
    variants = data.get("variants")
    if not isinstance(variants, dict):
        return
    if len(variants) < 2:
        message = f"expected at least 2 variants to compare, found {len(variants)}"
        yield ("variants",), message, True
    baseline = data.get("baseline")
    if isinstance(baseline, str) and variants and baseline not in variants:
        hint = meant(baseline, variants) or f"; expected {listed(map(quoted, variants))}"
        yield ("baseline",), f"no variant is called {quoted(baseline)}{hint}", False


def _variant(path: Path, mapping: dict[str, Any]) -> Iterator[Found]:
    yield from folders_twice(path, mapping)
    if "command" in mapping:
        if "entrypoint" in mapping:
            message = "'entrypoint' belongs to an image; a command is the whole argument vector"
            yield (*path, "entrypoint"), message, True
        if "base" in mapping:
            yield (*path, "base"), "'base' belongs to an image; a command has none", True
        yield from needs_of_a_command(path, mapping)
        if isinstance(mapping["command"], list) and mapping["command"][:1] == [""]:
            yield (*path, "command", 0), "expected the name of a program", False
    elif isinstance(folder := mapping.get("workdir"), str) and not folder.startswith("/"):
        message = "expected an absolute path: it is a folder of the image"
        yield (*path, "workdir"), message, False


def _build(path: Path, mapping: dict[str, Any]) -> Iterator[Found]:
    """A repository goes with a commit, and the context is a folder of it then."""
    if "git" not in mapping:
        if "commit" in mapping:
            yield (*path, "commit"), "'commit' belongs to 'git', which is not there", True
        return
    if "commit" not in mapping:
        message = "the key 'commit' is missing: which commit of 'git' is built, in 40 digits"
        yield (*path, "git"), message, True
    if "context_on_host" in mapping:
        message = "'context_on_host' goes with a folder of the hosts; 'git' is fetched by each"
        yield (*path, "context_on_host"), message, True
    context = mapping.get("context")
    if isinstance(context, str) and (context.startswith("/") or ".." in context.split("/")):
        yield (*path, "context"), "expected a path within the repository", False


def _request(path: Path, mapping: dict[str, Any]) -> Iterator[Found]:
    if "json" in mapping and "body" in mapping:
        yield (*path, "body"), "expected 'json' or 'body', not both", True
    line = mapping.get("request")
    if isinstance(line, str) and "->" in line and "status" in _mapping(mapping, "expect"):
        message = "the status is stated twice; the other one follows '->' in 'request'"
        yield (*path, "expect", "status"), message, True


def _port_of_its_own(
    path: Path, mapping: dict[str, Any], service: dict[str, Any]
) -> Iterator[Found]:
    """Where the request goes to the app's own port, that is what `service` says of it."""
    if "request" not in mapping:
        return
    if "port" not in mapping and "tls" in mapping:
        message = "'tls' goes with a 'port' of the request; of the app's own port it is service.tls"
        yield (*path, "tls"), message, True
    elif "port" in service and mapping.get("port") == service["port"]:
        message = "it is service.port, to which a request without 'port' goes; leave the key out"
        yield (*path, "port"), message, False


def _check_names(data: dict[str, Any]) -> Iterator[Found]:
    seen: dict[str, Path] = {}
    for path, form, mapping in walk(ExperimentForm, data):
        name = mapping.get("name")
        if form is not CheckForm or not isinstance(name, str):
            continue
        if name in seen:
            yield (*path, "name"), f"two checks are called {quoted(name)}", False
        seen[name] = path
