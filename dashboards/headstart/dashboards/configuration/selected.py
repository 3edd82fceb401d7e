"""Puts label matchers into every selector of a PromQL expression."""

import re
from collections.abc import Iterator

# Strings are whole tokens, so that nothing in them is taken for a metric or a brace.
_TOKENS = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`|\$?[\w:]+|.', re.DOTALL)
# What a scrape of a collector brings. ALERTS is Prometheus's own and has no target.
_METRIC = re.compile(r"(?:headstart|process|scrape|python)_\w+|up", re.ASCII)


def selected(expr: str, selector: str) -> str:
    """`expr`, a query or a variable's label_values(...), with `selector` in each selector.

    headstart_host_up{host="a"} and 'job="h"' give headstart_host_up{job="h",host="a"}.
    """
    return "".join(_with_matchers(_TOKENS.findall(expr), selector)) if selector else expr


def _with_matchers(tokens: list[str], selector: str) -> Iterator[str]:
    within, before = False, ""
    for at, each in enumerate(tokens):
        after = next((other for other in tokens[at + 1 :] if not other.isspace()), "")
        yield each
        if each == "{":
            within = True
            # A name of another's series keeps its matchers; without one, they are all there is.
            if _METRIC.fullmatch(before) or not before.isidentifier():
                yield selector if after == "}" else f"{selector},"
        elif each == "}":
            within = False
        elif not within and _METRIC.fullmatch(each) and after != "{":
            yield f"{{{selector}}}"
        before = before if each.isspace() else each
