"""A result of schema 1 in the form of schema 2: stores and report files of before are read by it.

Schema 1 was written until November 2026. What does not have its form is left as it is, so
that the reader refuses it with its place.
"""

from collections.abc import Callable, Mapping
from typing import Any

_FACT = ("name", "value")
_ADVICE = ("level", "code", "text")
# Where the fields of a run are that stood beside all others.
_PLACES = {
    "host": ("host", "name"),
    "fingerprint": ("host", "fingerprint"),
    "cpu_model": ("host", "cpu_model"),
    "host_facts": ("host", "facts"),
    "advice": ("host", "advice"),
    "host_changed": ("host", "changed"),
    "host_check": ("host", "check"),
    "load_description": ("load", "description"),
    "load_series": ("load", "series"),
    "warmups": ("load", "warmups"),
    "variant_warmups": ("load", "variant_warmups"),
    "ramps": ("load", "ramps"),
    "break_evens": ("load", "break_evens"),
    "rss_series": ("memory", "rss_series"),
    "memory_floors": ("memory", "floors"),
    "memory_phases": ("memory", "phases"),
}
_JOINTLY = {"in_company": "decided_jointly"}
_OF_GROUP = {"group_bytes": "cgroup_bytes", "group_peak_bytes": "cgroup_peak_bytes"}


def upgraded(document: Mapping[str, Any]) -> dict[str, Any]:
    """The same result as schema 2 says it; the document itself stays as it is."""
    beside: dict[str, Any] = {}
    within: dict[str, Any] = {}
    for name, value in document.items():
        changed = _EACH_OF[name](value) if name in _EACH_OF else value
        if name in _PLACES:
            group, inner = _PLACES[name]
            within.setdefault(group, {})[inner] = changed
        else:
            beside[name] = changed
    return within | beside


def _each(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda items: list(map(change, items)) if isinstance(items, list) else items


def _named(names: tuple[str, ...]) -> Callable[[Any], Any]:
    """A list of as many values as there are names becomes an object."""

    def change(item: Any) -> Any:
        fits = isinstance(item, list) and len(item) == len(names)
        return dict(zip(names, item, strict=True)) if fits else item

    return change


def _renamed(names: Mapping[str, str]) -> Callable[[Any], Any]:
    def change(item: Any) -> Any:
        return {names.get(k, k): v for k, v in item.items()} if isinstance(item, dict) else item

    return change


def _none_of(name: str) -> Callable[[Any], Any]:
    """A word that was empty where there is none."""

    def change(item: Any) -> Any:
        empty = isinstance(item, dict) and item.get(name) == ""
        return {**item, name: None} if empty else item

    return change


def _undetermined(item: Any) -> Any:
    told = not isinstance(item, dict) or item.get("outcome") != "untold"
    return item if told else {**item, "outcome": "undetermined"}


_EACH_OF = {
    "variants": _each(_none_of("failure")),
    "images": _each(_none_of("base_source")),
    "host_facts": _each(_named(_FACT)),
    "method": _each(_named(_FACT)),
    "advice": _each(_named(_ADVICE)),
    "warmups": _each(_renamed(_JOINTLY)),
    "variant_warmups": _each(_renamed(_JOINTLY)),
    "memory_phases": _each(_renamed(_OF_GROUP)),
    "break_evens": _each(_undetermined),
    "job_break_evens": _each(_undetermined),
}
