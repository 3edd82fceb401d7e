"""Packages that a command needs and that are not installed: which extra brings them."""

import importlib.util

from headstart.cli.errors import CommandError

# The modules of each extra of pyproject.toml, by the names under which they are imported.
MODULES = {
    "collector": (
        "aiohttp",
        "jinja2",
        "matplotlib",
        "numpy",
        "prometheus_client",
        "pydantic",
        "rich",
        "scipy",
        "sqlalchemy",
        "yaml",
    ),
    "dashboards": ("grafana_foundation_sdk", "yaml"),
    "parquet": ("pyarrow",),
    "postgresql": ("psycopg",),
}
# What each command cannot do without; the others need no extra.
NEEDED = {
    "try": "collector",
    "init": "collector",
    "run": "collector",
    "aa": "collector",
    "check": "collector",
    "collector": "collector",
    "compare": "collector",
    "pool": "collector",
    "gate": "collector",
    "store": "collector",
    "trials": "collector",
    "schema": "collector",
    "dashboards": "dashboards",
    "rules": "dashboards",
}


def demand(command: str) -> None:
    """Before a command begins: raises CommandError where its extra is missing or in part."""
    extra = NEEDED.get(command)
    if extra is None:
        return
    missing = [name for name in MODULES[extra] if importlib.util.find_spec(name) is None]
    if missing:
        raise _lacking(f"'{command}'", missing, extra)


def explained(error: ModuleNotFoundError) -> CommandError | None:
    """An import that failed under way; None where it is no package of an extra."""
    name = (error.name or "").partition(".")[0]
    extra = next((extra for extra, modules in MODULES.items() if name in modules), None)
    return _lacking("this", [name], extra) if extra else None


def _lacking(what: str, modules: list[str], extra: str) -> CommandError:
    from headstart.cli.installed import command_for

    packages = "the package" if len(modules) == 1 else "the packages"
    verb = "is" if len(modules) == 1 else "are"
    return CommandError(
        f"{what} needs {packages} {', '.join(modules)}, which {verb} not installed: "
        + command_for(extra)
    )
