"""Holds a rule file against promtool, or where that is missing against what a rule file is."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from headstart.dashboards.delivery.rule_texts import text_problems

_LARGEST_BYTES = 16 << 20
_PROMTOOL_SECONDS = 120
# What promtool says of every file, wrong or not.
_SAYS_NOTHING = re.compile(r"(?:Checking .*|FAILED:|)")
_MOST_PROBLEMS = 20
_DURATION = re.compile(r"(?:\d+(?:ms|[smhdwy]))+|0", re.ASCII)
_STRING = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`', re.DOTALL)
_CLOSING = {")": "(", "}": "{", "]": "["}
_RULE_KEYS = {"alert", "record", "expr", "for", "keep_firing_for", "labels", "annotations"}


@dataclass(frozen=True)
class Checked:
    """What was found wrong, and by whom: promtool, or by form alone."""

    problems: tuple[str, ...]
    by_promtool: bool


def check_rules(path: Path) -> Checked:
    """Raises OSError where the file cannot be read, and TimeoutError."""
    with path.open("rb") as file:
        content = file.read(_LARGEST_BYTES + 1)
    if len(content) > _LARGEST_BYTES:
        return Checked((f"it has more than {_LARGEST_BYTES} bytes",), by_promtool=False)
    if (promtool := shutil.which("promtool")) is None:
        return Checked(tuple(_problems(content)), by_promtool=False)
    texts: list[str] = []
    try:
        done = subprocess.run(
            [promtool, "check", "rules", "--lint-fatal", str(path.absolute())],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_PROMTOOL_SECONDS,
        )
        if done.returncode == 0:
            texts = list(text_problems(promtool, content, _PROMTOOL_SECONDS))
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(f"promtool did not end within {_PROMTOOL_SECONDS} s") from error
    if done.returncode == 0:
        return Checked(_some(texts), by_promtool=True)
    prefix = f"{path.absolute()}: "
    lines = (line.strip() for line in (done.stdout + done.stderr).splitlines())
    said = [line.removeprefix(prefix) for line in lines if not _SAYS_NOTHING.fullmatch(line)]
    return Checked(_some(said), by_promtool=True)


def _some(problems: Sequence[str]) -> tuple[str, ...]:
    more = len(problems) - _MOST_PROBLEMS
    return (*problems[:_MOST_PROBLEMS], *([f"and {more} more"] if more > 0 else []))


def _problems(content: bytes) -> Iterator[str]:
    """What Prometheus would refuse that shows without reading PromQL."""
    try:
        loaded = yaml.safe_load(content)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        yield f"not YAML: {' '.join(str(error).split())}"
        return
    groups = loaded.get("groups") if isinstance(loaded, dict) else None
    if not isinstance(groups, list):
        yield "no list of groups"
        return
    names = set()
    for number, group in enumerate(groups, 1):
        rules = group.get("rules") if isinstance(group, dict) else None
        if not isinstance(rules, list) or not group.get("name"):
            yield f"group {number}: expected a name and a list of rules"
            continue
        if group["name"] in names:
            yield f"group {group['name']}: there is another one of that name"
        names.add(group["name"])
        for rule in rules:
            yield from (f"group {group['name']}: {wrong}" for wrong in _rule_problems(rule))


def _rule_problems(rule: Any) -> Iterator[str]:
    if not isinstance(rule, dict) or not ("alert" in rule) ^ ("record" in rule):
        yield "a rule is neither an alert nor a record"
        return
    name = rule.get("alert", rule.get("record"))
    if unknown := rule.keys() - _RULE_KEYS:
        yield f"{name}: unknown {', '.join(sorted(map(str, unknown)))}"
    if not isinstance(rule.get("expr"), str) or not _balanced(rule["expr"]):
        yield f"{name}: expr is no expression: {rule.get('expr')}"
    for key in ("for", "keep_firing_for"):
        if key in rule and not _DURATION.fullmatch(str(rule[key])):
            yield f"{name}: {key} is no duration: {rule[key]}"
    for key in ("labels", "annotations"):
        texts = rule.get(key, {})
        if not isinstance(texts, dict) or not all(isinstance(t, str) for t in texts.values()):
            yield f"{name}: {key} are not texts by name"
        elif any(text.count("{{") != text.count("}}") for text in texts.values()):
            yield f"{name}: {key} have a template that does not end"


def _balanced(expr: str) -> bool:
    """Whether there is something in it, and each bracket has its other one."""
    open_ones: list[str] = []
    for each in _STRING.sub("", expr):
        if each in _CLOSING.values():
            open_ones.append(each)
        elif each in _CLOSING and (not open_ones or open_ones.pop() != _CLOSING[each]):
            return False
    return bool(expr.strip()) and not open_ones
