"""What a fleet says of its dashboards and alerts."""

import tempfile
from pathlib import Path

import yaml

from fuzz.target import Table, require
from headstart.dashboards import ConfigurationError, read_configuration, rules_text

TABLE = Table()


@TABLE.add("an operator, in a configuration of dashboards and alerts", ConfigurationError)
def dashboards_config(data: bytes) -> None:
    """A file that is taken makes rules of the form that Prometheus reads."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "observability.toml"
        path.write_bytes(data)
        configuration = read_configuration(path)
    for group in yaml.safe_load(rules_text(configuration))["groups"]:
        for rule in group["rules"]:
            require(isinstance(rule["expr"], str), "no expression")
            texts = (*rule["labels"].values(), *rule["annotations"].values())
            require(all(isinstance(text, str) for text in texts), "a label that is no text")
