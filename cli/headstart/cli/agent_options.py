"""Options that say what an agent is called and may do; `run`, `agent` and `doctor` share them."""

import socket
from pathlib import Path

from headstart.cli.connection import home_state
from headstart.cli.errors import InputError
from headstart.words.foreign.host_names import EXPECTED, is_host_name


def host_name(given: str | None) -> str:
    """The name under which results are kept: given, or the machine's own."""
    name = given or socket.gethostname()
    if not is_host_name(name):
        where = "--host" if given else "this machine's hostname (--host NAME gives another)"
        raise InputError(f"{where} is {name!r}; expected {EXPECTED}")
    return name


def parse_labels(pairs: tuple[str, ...]) -> dict[str, str]:
    """`--label pool=perf` as a mapping; all mistakes at once."""
    labels: dict[str, str] = {}
    wrong = []
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not (separator and name and value):
            wrong.append(pair)
        labels[name] = value
    if wrong:
        raise InputError(
            f"--label: expected name=value, got {', '.join(repr(pair) for pair in wrong)}"
        )
    return labels


def default_state() -> Path:
    """Where an agent keeps its spool: XDG's folder for state."""
    return home_state() / "agent"
