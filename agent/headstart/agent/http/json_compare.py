"""Two answers to the same request, field by field."""

import json
from collections.abc import Collection, Iterator
from typing import Any

from headstart.agent.http.checks import same_scalar
from headstart.v1.records_pb2 import Difference

# What a person reads; the first differences show the pattern.
DIFFERENCE_LIMIT = 50
_SHOWN_CHARACTERS = 200
_ABSENT = "(absent)"


def differences(
    baseline_body: bytes, variant_body: bytes, volatile_fields: Collection[str]
) -> list[Difference]:
    """What differs, at most `DIFFERENCE_LIMIT` entries, in the order of the baseline's body.

    JSON is compared by value: the order of members does not count, that of
    elements does, and members named in `volatile_fields` are left out at any
    depth. Anything else is compared byte by byte; the path is then "$".
    """
    if baseline_body == variant_body:
        return []
    try:
        baseline, variant = json.loads(baseline_body), json.loads(variant_body)
        found = _compare(baseline, variant, "$", frozenset(volatile_fields))
        return [entry for entry, _ in zip(found, range(DIFFERENCE_LIMIT), strict=False)]
    except (ValueError, RecursionError):
        return [_bytes_difference(baseline_body, variant_body)]


def _compare(
    baseline: Any, variant: Any, path: str, volatile: frozenset[str]
) -> Iterator[Difference]:
    if isinstance(baseline, dict) and isinstance(variant, dict):
        # A dict keeps the order in which the names were first seen.
        for name in dict.fromkeys([*baseline, *variant]):
            inner = f"{path}.{name}"
            if name in volatile:
                continue
            if name not in variant:
                yield Difference(path=inner, baseline=_shown(baseline[name]), variant=_ABSENT)
            elif name not in baseline:
                yield Difference(path=inner, baseline=_ABSENT, variant=_shown(variant[name]))
            else:
                yield from _compare(baseline[name], variant[name], inner, volatile)
    elif isinstance(baseline, list) and isinstance(variant, list):
        for i, (one, other) in enumerate(zip(baseline, variant, strict=False)):
            yield from _compare(one, other, f"{path}[{i}]", volatile)
        if len(baseline) != len(variant):
            yield Difference(
                path=path,
                baseline=f"{len(baseline)} elements",
                variant=f"{len(variant)} elements",
            )
    elif (
        isinstance(baseline, dict | list)
        or isinstance(variant, dict | list)
        or not same_scalar(baseline, variant)
    ):
        yield Difference(path=path, baseline=_shown(baseline), variant=_shown(variant))


def _bytes_difference(baseline: bytes, variant: bytes) -> Difference:
    """The first place where they differ, with what follows there."""
    shorter = min(len(baseline), len(variant))
    at = next((i for i in range(shorter) if baseline[i] != variant[i]), shorter)

    def shown(body: bytes) -> str:
        excerpt = body[at : at + _SHOWN_CHARACTERS].decode(errors="replace")
        return f"{excerpt!r} at byte {at} of {len(body)}"

    return Difference(path="$", baseline=shown(baseline), variant=shown(variant))


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
