"""Whether the same stood beside the app in two runs, and what differs where it did not."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from headstart.collector.findings.companions import Companion
from headstart.collector.findings.comparability import masked_section
from headstart.collector.findings.model import RunResult

_SHOWN_DIGEST = 19


def settings_beside(source_text: str) -> dict[str, dict[str, Any]]:
    """By name, what the file says of each besides its image, of which the digest counts."""
    return masked_section(source_text, "beside", ("image",))


def settings_digest(stated: dict[str, Any]) -> str:
    """Short; the same for the same settings, however they are written."""
    text = json.dumps(stated, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def unlike_companions(before: RunResult, after: RunResult) -> Iterator[str]:
    """A clause for each difference; they are the same where there is none."""
    earlier = {each.name: each for each in before.companions}
    later = {each.name: each for each in after.companions}
    for name in earlier.keys() - later.keys():
        yield f"{name} stood beside the app in run {before.run_id} alone"
    for name in later.keys() - earlier.keys():
        yield f"{name} stood beside the app in run {after.run_id} alone"
    stated = [settings_beside(run.source_text) for run in (before, after)]
    for name, companion in later.items():
        if name not in earlier:
            continue
        digests = [_image(each) for each in (earlier[name], companion)]
        if digests[0] != digests[1]:
            yield f"{name} beside the app was another image ({digests[0]}; {digests[1]})"
        if earlier[name].settings != companion.settings:
            keys = _unlike_keys(*(each.get(name, {}) for each in stated))
            yield f"{name} beside the app was run with other settings ({keys})"


def _image(companion: Companion) -> str:
    return companion.digest[:_SHOWN_DIGEST] or companion.image


def _unlike_keys(before: dict[str, Any], after: dict[str, Any]) -> str:
    """Names alone: a seed may be long."""
    keys = before.keys() | after.keys()
    return ", ".join(sorted(key for key in keys if before.get(key) != after.get(key))) or "order"
