"""Rules of a check that span its keys: what goes with a request, a command, a container."""

from collections.abc import Iterator
from typing import Any

from headstart.collector.experiments.file.check_forms import CheckForm
from headstart.collector.experiments.file.document import Path
from headstart.collector.experiments.file.needs_forms import folders_twice
from headstart.words.test_reports import URL_VARIABLE, junit_fault

# Path, message, and whether it is said of the key.
Found = tuple[Path, str, bool]


def is_command(check: object) -> bool:
    """Whether a check is a command of the host, or of a batch program."""
    return isinstance(check, dict) and "command" in check and "image" not in check


def is_container(check: object) -> bool:
    """Whether a check is a container of its own."""
    return isinstance(check, dict) and "image" in check


def is_request(check: object) -> bool:
    """Whether a check is a request, also in its short form."""
    return not (is_command(check) or is_container(check) or is_log(check))


def is_log(check: object) -> bool:
    """Whether a step of readiness is a line of a worker's log."""
    return isinstance(check, dict) and "log" in check


def broken_check_rules(path: Path, check: dict[str, Any]) -> Iterator[Found]:
    """Every rule that a check breaks, wherever it stands. Never raises."""
    is_of_checks = path[:2] == ("service", "checks")
    if "covers" in check and not is_of_checks:
        message = "'covers' belongs to the checks, whose outcome says what works"
        yield (*path, "covers"), message, True
    if is_container(check):
        if not is_of_checks:
            message = "a container belongs to the checks, which run when all is measured"
            yield (*path, "image"), message, True
        if "request" not in check:
            yield from _container(path, check)
        return
    if sum(key in check for key in ("command", "request", "log")) > 1:
        return
    if is_log(check):
        yield from _log(path, check)
        return
    if "command" in check:
        for key in CheckForm.REQUEST_KEYS & check.keys():
            yield (*path, key), f"'{key}' belongs to a request, and this is a command", True
    else:
        for key in CheckForm.PROGRAM_KEYS & check.keys():
            yield (*path, key), f"'{key}' belongs to a command, and this is a request", True
    if "command" in check or "request" in check:
        what = "a command" if "command" in check else "a request"
        for key in CheckForm.container_keys() & check.keys():
            yield (*path, key), f"'{key}' belongs to a container (image), and this is {what}", True
    # The command of a batch program's `ready` is its arguments, and may be empty.
    if check.get("command") == [] and path != ("service", "ready"):
        yield (*path, "command"), "expected a program and its arguments", True


def _log(path: Path, check: dict[str, Any]) -> Iterator[Found]:
    if path[:2] != ("service", "ready"):
        yield (*path, "log"), "'log' belongs under 'ready'; expected a request or a command", True
    kinds = {
        "a request": CheckForm.REQUEST_KEYS,
        "a command": CheckForm.PROGRAM_KEYS,
        "a container (image)": CheckForm.container_keys(),
    }
    for kind, keys in kinds.items():
        for key in keys & check.keys():
            yield (*path, key), f"'{key}' belongs to {kind}, and this is a line of the log", True


def _container(path: Path, check: dict[str, Any]) -> Iterator[Found]:
    for key in CheckForm.REQUEST_KEYS & check.keys():
        yield (*path, key), f"'{key}' belongs to a request, and this is a container", True
    yield from folders_twice(path, check)
    if isinstance(env := check.get("env"), dict) and URL_VARIABLE in env:
        message = f"{URL_VARIABLE} is where the agent says at which address the app is asked"
        yield (*path, "env", URL_VARIABLE), message, True
    junit, tmpfs = check.get("junit"), check.get("tmpfs")
    in_memory = [each for each in tmpfs if isinstance(each, str)] if isinstance(tmpfs, dict) else []
    if isinstance(junit, str) and junit.startswith("/") and in_memory:
        message = junit_fault(junit, in_memory)
        if "lies in" in message:
            yield (*path, "junit"), message, False
    if isinstance(folder := check.get("workdir"), str) and not folder.startswith("/"):
        yield (*path, "workdir"), "expected an absolute path: it is a folder of the image", False


def containers_without_port(checks: object) -> Iterator[Found]:
    """Tests ask an app, which a batch program does not let them."""
    for number, check in enumerate(checks if isinstance(checks, list) else []):
        if is_container(check):
            message = (
                "a container asks the app at its port, and this app has none (the key"
                " 'service.port')"
            )
            yield ("service", "checks", number, "image"), message, True
