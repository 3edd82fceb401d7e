"""Whether runs measured alike: what of them may be set against each other, and what differs."""

import hashlib
from collections.abc import Collection
from typing import Any

import yaml

from headstart.collector.findings.model import RunResult
from headstart.words.foreign.secrets import is_secret_name, shown_words, without_values
from headstart.words.metrics import LOAD_METRICS, METRICS

# What belongs to a revision rather than to how it is measured.
_OF_A_REVISION = ("image", "build", "description", "base", "compilation")
_LIMITS = ("server ", "load on", "load not", "memory limit", "CPU limit", "page cache", "network")

_MASKED = "[masked]"

# Not said by runs of before there was another default: their series go on.
NETWORK_OF_THE_HOST = "network of the host"


class Incomparable(ValueError):
    """Runs that have nothing that can be set against each other; the message says why."""


def unlike_metrics(before: RunResult, after: RunResult) -> dict[str, str]:
    """Metrics that are refused, and why: limits and loads that differ measure other things."""
    reasons = {}
    plans = [limits_of(run) for run in (before, after)]
    if plans[0] != plans[1]:
        reason = f"measured under other limits ({_or_none(plans[0])}; {_or_none(plans[1])})"
        reasons = {name: reason for name, metric in METRICS.items() if not metric.exact}
    if before.load.description != after.load.description:
        reason = (
            f"measured under another load ({_or_none([before.load.description])}; "
            f"{_or_none([after.load.description])})"
        )
        reasons |= dict.fromkeys(LOAD_METRICS, reason)
    return reasons


def limits_of(run: RunResult) -> list[str]:
    """The plan's facts that bound what a variant gets, as sentences."""
    return [
        fact
        for fact in run.plan_description
        if fact.startswith(_LIMITS) and fact != NETWORK_OF_THE_HOST
    ]


def _or_none(words: list[str]) -> str:
    return ", ".join(filter(None, words)) or "none"


def settings_of(run: RunResult) -> dict[str, dict[str, Any]]:
    """By variant, what the file says of it beside the revision: environment, entrypoint, ...

    Secret values are alike there: files are kept without them.
    """
    return masked_section(run.source_text, "variants", _OF_A_REVISION)


def masked_section(
    source_text: str, section: str, without: Collection[str]
) -> dict[str, dict[str, Any]]:
    """By name, what a section of a file says of each, without some keys and without secrets."""
    try:
        content = yaml.safe_load(source_text)
    except yaml.YAMLError:
        return {}
    found = content.get(section) if isinstance(content, dict) else None
    if not isinstance(found, dict):
        return {}
    return {
        str(name): {k: _masked(v) for k, v in stated.items() if k not in without}
        for name, stated in found.items()
        if isinstance(stated, dict)
    }


def _masked(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _masked(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list) and all(isinstance(inner, str) for inner in value):
        return shown_words(value)
    if isinstance(value, list):
        return [_masked(inner) for inner in value]
    if value is not None and is_secret_name(name):
        return _MASKED
    return without_values(value) if isinstance(value, str) else value


def masked_names(settings: dict[str, Any]) -> list[str]:
    """Of a variant's settings, the variables of which the value is not known any more."""
    environment = settings.get("env")
    stated = environment.items() if isinstance(environment, dict) else ()
    return [str(name) for name, value in stated if _MASKED in str(value)]


def said(settings: dict[str, Any]) -> str:
    """A variant's settings in words."""
    return ", ".join(f"{key} {value}" for key, value in settings.items()) or "none"


def setup_of(run: RunResult, under_load: bool) -> str:
    """A short digest over limits, what stands beside the app and, for figures taken under load,
    the load and its generator."""
    facts = [*limits_of(run), run.load.description if under_load else ""]
    # Another database is another measurement, whatever the revision.
    facts += [f"{c.name} {c.digest or c.image} {c.settings}" for c in run.companions]
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()[:12]
