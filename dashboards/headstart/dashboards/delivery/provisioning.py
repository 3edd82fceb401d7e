"""Boards as files, for Grafana's folder of provisioning: each where Grafana looks for it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from headstart.dashboards.configuration import Configuration
from headstart.dashboards.generate import dashboards, to_json

DATA_SOURCE_UID = "headstart-prometheus"
_NOTE = "# Written by `headstart dashboards write`.\n"


def write_provisioning(folder: Path, configuration: Configuration) -> list[Path]:
    """Writes boards, the provider that names them, and the data source; their paths.

    Boards that an earlier release had written there are removed, or Grafana would keep them.
    """
    boards = {
        f"dashboards/headstart/{board['uid']}.json": to_json(board)
        for board in dashboards(configuration)
    }
    for board in (folder / "dashboards/headstart").glob("headstart-*.json"):
        if str(board.relative_to(folder)) not in boards:
            board.unlink()
    paths = []
    for name, text in {**boards, **provider_files(configuration)}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths


def provider_files(configuration: Configuration) -> Mapping[str, str]:
    """What tells Grafana where boards and Prometheus are, by path: the same for all boards."""
    grafana = configuration.grafana
    provider = {
        "name": "headstart",
        "folder": grafana.folder,
        "type": "file",
        # They are generated: what is changed in the browser would be lost at the next start.
        "allowUiUpdates": False,
        "updateIntervalSeconds": 60,
        "options": {"path": f"{grafana.provisioning.rstrip('/')}/dashboards/headstart"},
    }
    source = {
        "name": "Headstart",
        "uid": DATA_SOURCE_UID,
        "type": "prometheus",
        "access": "proxy",
        "url": grafana.prometheus,
        # As in prometheus.yml: Grafana makes $__rate_interval from it.
        "jsonData": {"httpMethod": "POST", "timeInterval": str(configuration.scrape.interval)},
    }
    return {
        "dashboards/headstart.yml": _yaml(
            "# Where Grafana finds the boards of Headstart.\n",
            {"apiVersion": 1, "providers": [provider]},
        ),
        "datasources/headstart.yml": _yaml(
            "# A Grafana that has this Prometheus already needs no second one: leave this file "
            "out.\n",
            {"apiVersion": 1, "datasources": [source]},
        ),
    }


def _yaml(note: str, data: Mapping[str, Any]) -> str:
    text = yaml.safe_dump(data, sort_keys=False, width=100, allow_unicode=True)
    # Grafana puts variables of its environment into what it reads here.
    return _NOTE + note + text.replace("$", "$$")
