"""`python -m headstart.dashboards [ROOT]`: what the repository has of boards, rules, examples.

ROOT is the working directory unless given.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from headstart.dashboards.configuration import Configuration
from headstart.dashboards.configuration_file import default_file
from headstart.dashboards.delivery import (
    alertmanager_text,
    prometheus_rule_text,
    prometheus_text,
    provider_files,
)
from headstart.dashboards.delivery.kubernetes import write_with_kustomization


def examples(deploy: Path) -> Iterator[Path]:
    """Writes the files of `deploy` that follow from the default configuration."""
    configuration = Configuration()
    texts = {
        "observability.toml": default_file(),
        "prometheus/prometheus.yml": prometheus_text(configuration),
        "alertmanager/alertmanager.yml": alertmanager_text(configuration),
        "kubernetes/monitoring/rules.yaml": prometheus_rule_text(configuration),
    }
    providers = provider_files(configuration)
    texts |= {f"grafana/provisioning/{name}": text for name, text in providers.items()}
    for name, text in texts.items():
        path = deploy / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        yield path


if __name__ == "__main__":
    _root = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    _boards = write_with_kustomization(_root / "dashboards/generated")
    for _path in (*_boards, *examples(_root / "deploy")):
        print(_path)  # noqa: T201  # a path of our own
