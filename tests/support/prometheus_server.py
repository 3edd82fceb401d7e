"""A real Prometheus for a test, which is asked over HTTP."""

import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from support.ports import free_port

# Only a test that fails waits this long.
PATIENCE_SECONDS = 60.0


class PrometheusServer:
    """Asks a Prometheus that runs; `address` is "host:port"."""

    def __init__(self, address: str) -> None:
        self.address = address

    def get(self, path: str, **parameters: str | list[str]) -> Any:
        """The `data` of an API answer; raises urllib.error.HTTPError with the text of an error."""
        query = urllib.parse.urlencode(parameters, doseq=True)
        url = f"http://{self.address}/api/v1/{path}?{query}"
        with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as response:
            return json.load(response)["data"]

    def query(self, expr: str) -> list[dict[str, Any]]:
        """The series of an instant query, now."""
        result: list[dict[str, Any]] = self.get("query", query=expr)["result"]
        return result

    def query_range(self, expr: str, seconds: int = 10) -> list[dict[str, Any]]:
        """The series of a query over the last seconds, one point a second."""
        now = time.time()
        parameters = {"start": str(now - seconds), "end": str(now), "step": "1"}
        result: list[dict[str, Any]] = self.get("query_range", query=expr, **parameters)["result"]
        return result

    def label_values(self, label: str, selector: str) -> list[str]:
        """What a variable `label_values(selector, label)` offers."""
        values: list[str] = self.get(f"label/{label}/values", **{"match[]": [selector]})
        return values

    def wait_for(self, expr: str) -> list[dict[str, Any]]:
        """Asks again and again until the query returns something."""
        give_up = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < give_up:
            try:
                if found := self.query(expr):
                    return found
            except (ConnectionError, urllib.error.URLError):
                pass
            # A pause between two questions, not a guess at how long the answer takes.
            time.sleep(0.05)
        raise AssertionError(f"Prometheus at {self.address} never had data for: {expr}")


@contextmanager
def prometheus(
    folder: Path,
    targets: Sequence[str],
    rule_files: Sequence[Path] = (),
    *,
    labels: Mapping[str, str] = MappingProxyType({}),
    scrape: Mapping[str, Any] = MappingProxyType({}),
    flags: Sequence[str] = (),
) -> Iterator[PrometheusServer]:
    """A Prometheus that scrapes given ports every second, its data in `folder`/data.

    `labels` are put on what is scraped; `scrape` is more of its configuration; `flags` come behind
    the usual ones.
    """
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(path.resolve()) for path in rule_files],
        "scrape_configs": [
            {
                "job_name": "headstart",
                "static_configs": [{"targets": list(targets), "labels": dict(labels)}],
                **scrape,
            }
        ],
    }
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(config))
    with prometheus_with(file, flags) as server:
        yield server


@contextmanager
def prometheus_with(file: Path, flags: Sequence[str] = ()) -> Iterator[PrometheusServer]:
    """A Prometheus with this prometheus.yml, its data beside that, stopped at the end."""
    folder = file.parent
    address = f"127.0.0.1:{free_port()}"
    command = [
        "prometheus",
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
        "--log.level=warn",
        *flags,
    ]
    with logged_process(command, folder / "prometheus.log"):
        server = PrometheusServer(address)
        server.wait_for("vector(1)")
        yield server


@contextmanager
def logged_process(command: Sequence[str], log: Path) -> Iterator[None]:
    """A program that runs meanwhile and writes all that it says to a file."""
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
        try:
            yield
        finally:
            process.kill()
            process.wait()
