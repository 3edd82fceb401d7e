"""A fleet whose engines hold nothing: two agents pull what they measure, and give it all back."""

import base64
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.engines import engine, held
from support.headstart_programs import program
from support.images import image_of
from support.registries import LOGIN, PASSWORD, USER, push, registry
from support.running import Ran, headstart
from support.truth_server import build_truth_server

pytestmark = [
    pytest.mark.alone,
    pytest.mark.docker,
    pytest.mark.registry,
    pytest.mark.compiler,
    pytest.mark.root,
    pytest.mark.timeout(300),
]

NOTHING: dict[str, list[str]] = {"images": [], "containers": [], "volumes": []}


@dataclass(frozen=True)
class Fleet:
    """A collector, and the agents alpha and beta with an engine each."""

    collector: str
    # By host.
    engines: dict[str, str]

    def measured(self, file: Path) -> dict[str, Ran]:
        """Submit a file and wait for its runs; the report of each host."""
        to = ("--collector", self.collector)
        submitted = headstart("submit", file, *to, "--json")
        assert submitted.status == 0, submitted.errors
        runs = {run["host"]: run["run_id"] for run in json.loads(submitted.output)["runs"]}
        watched = [headstart("watch", run, *to) for run in runs.values()]
        assert [each.status for each in watched] == [0] * len(self.engines), watched
        return {
            host: headstart("report", run, *to, "--format", "json") for host, run in runs.items()
        }


@contextmanager
def fleet(folder: Path, sockets: Path, hub: str) -> Iterator[Fleet]:
    """Its agents may run and pull what one repository of the registry has, with a login."""
    login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    (folder / "policy.toml").write_text(f'images = ["{hub}/perf/*"]\npull = true\n')
    target = f"unix:{sockets / 'collector.sock'}"
    with ExitStack() as stack:
        listen = ("--listen", target, "--metrics-listen", "none")
        collector = program("collector", "--data", folder / "store", *listen)
        stack.enter_context(collector).line("collector listens:")
        engines = {host: stack.enter_context(engine(sockets / host)) for host in ("alpha", "beta")}
        for host, address in engines.items():
            options = ("--collector", target, "--policy", folder / "policy.toml")
            of_host = ("--host", host, "--label", "pool=perf", "--state", folder / host)
            auths = {"auths": {hub: {"auth": login}}}
            env = {"DOCKER_HOST": address, "DOCKER_AUTH_CONFIG": json.dumps(auths)}
            agent = program("agent", *options, *of_host, env=env)
            stack.enter_context(agent).line("attending")
        yield Fleet(target, engines)


def test_a_fleet_pulls_what_it_measures_by_its_login_and_keeps_nothing(
    tmp_path: Path, short_path: Path
) -> None:
    truth = build_truth_server(tmp_path)
    with registry(tmp_path, login=True) as hub:
        with image_of(truth, "headstart-test/truth:pulled") as local:
            push(local, f"{hub}/perf/truth:1", LOGIN)
        content: dict[str, Any] = {
            "experiment": "pulled",
            "baseline": "slow",
            "variants": {
                name: {"image": f"{hub}/perf/truth:1", "entrypoint": ["/bin/app", "9400", delay]}
                for name, delay in (("slow", "60"), ("fast", "0"))
            },
            "service": {"port": 9400, "ready": "GET /", "checks": ["GET /x -> 200"]},
            "plan": {
                "blocks": 2,
                "idle": "100ms",
                "settle": "100ms",
                "quiet": "0s",
                "pull": "missing",
                "remove_pulled": True,
            },
            "hosts": {"labels": {"pool": "perf"}},
        }
        file = tmp_path / "experiment.yaml"
        file.write_text(yaml.safe_dump(content))
        with fleet(tmp_path, short_path, hub) as found:
            before = {host: held(address) for host, address in found.engines.items()}
            reports = found.measured(file)
            after = {host: held(address) for host, address in found.engines.items()}

    assert before == {"alpha": NOTHING, "beta": NOTHING}
    assert sorted(reports) == ["alpha", "beta"]
    for ran in reports.values():
        report = ran.report()
        assert {v["variant"]: v["outcome"] for v in report["variants"]} == {
            "slow": "measured",
            "fast": "measured",
        }
        assert {each["metric"] for each in report["figures"]} > {"pull_transferred_bytes"}
    assert after == {"alpha": NOTHING, "beta": NOTHING}
