"""Walks dashboards as plain JSON."""

from collections.abc import Iterator
from typing import Any


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    """All panels but the titles of rows."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def targets(board: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Every panel with each of its queries."""
    for panel in panels(board):
        for target in panel["targets"]:
            yield panel, target


def annotations(board: dict[str, Any]) -> list[dict[str, Any]]:
    """The dashboard's annotation queries."""
    found: list[dict[str, Any]] = board.get("annotations", {}).get("list", [])
    return found


def variables(board: dict[str, Any]) -> list[dict[str, Any]]:
    """The variables that ask Prometheus."""
    return [v for v in board["templating"]["list"] if v["type"] == "query"]


def choices(board: dict[str, Any]) -> list[str]:
    """The names of all variables but the data source."""
    return [v["name"] for v in board["templating"]["list"] if v["type"] != "datasource"]


def expressions(board: dict[str, Any]) -> list[str]:
    """The PromQL of all panels and annotations."""
    return [target["expr"] for _, target in targets(board)] + [
        annotation["expr"] for annotation in annotations(board)
    ]


# Of a variable of which one value is chosen, as `support.metrics_results` has them.
# Each metric, in turns: a query asks for those of one unit.
ONE = {"experiment": "players-api", "host": "alpha", "metric": ".+"}
_TIMES = {"$__range": "1m", "$__interval": "1s"}


def interpolated(text: str, board: dict[str, Any], rate_interval: str = "5m", **chosen: str) -> str:
    """`text` as Grafana sends it while every variable is at "All", or at one, but for `chosen`."""
    for name in choices(board):
        several = {v["name"]: v.get("allValue") for v in variables(board)}
        stands = several.get(name) or ONE[name]
        text = text.replace(f"${name}", chosen.get(name, stands))
    for name, stands in _TIMES.items():
        text = text.replace(name, stands)
    return text.replace("$__rate_interval", rate_interval)
