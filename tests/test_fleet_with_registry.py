"""Two agents pull what they measure, and what it needs, into engines that held nothing."""

import base64
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from support import api_with_postgres as example
from support.engines import engine, held
from support.headstart_programs import program
from support.registries import LOGIN, PASSWORD, USER, push, registry
from support.running import Ran, headstart

pytestmark = [
    pytest.mark.alone,
    pytest.mark.docker,
    pytest.mark.registry,
    pytest.mark.examples,
    pytest.mark.root,
    pytest.mark.timeout(500),
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


def test_a_fleet_pulls_an_app_its_database_and_its_tests_measures_and_keeps_nothing(
    tmp_path: Path, short_path: Path
) -> None:
    example.have_images()
    with registry(tmp_path, login=True) as hub:
        images = example.images()
        for name in images:
            push(name, f"{hub}/perf/{name}", LOGIN)
        content = example.short_experiment(blocks=2, hub=f"{hub}/perf")
        content["plan"] |= {"pull": "missing", "remove_pulled": True}
        content["hosts"] = {"labels": {"pool": "perf"}}
        file = tmp_path / "experiment.yaml"
        file.write_text(yaml.safe_dump(content, sort_keys=False))
        with fleet(tmp_path, short_path, hub) as found:
            before = {host: held(address) for host, address in found.engines.items()}
            reports = found.measured(file)
            after = {host: held(address) for host, address in found.engines.items()}

    assert before == {"alpha": NOTHING, "beta": NOTHING}
    assert sorted(reports) == ["alpha", "beta"]
    for ran in reports.values():
        report = ran.report()
        assert ran.status == 0, ran.errors
        assert (report["state"], report["blocks_completed"]) == ("done", 2)
        assert [v["outcome"] for v in report["variants"]] == ["measured", "measured"]
        told = [(c["variant"], c["trials"], c["passed"], c["failed"]) for c in report["cases"]]
        assert told == [("jit", 2, 6, 0), ("aot-cache", 2, 6, 0)]
        example.assert_tested_in_every_trial(tmp_path / "store", report["run_id"], trials=4)
        assert [(each["name"], each["starts"]) for each in report["companions"]] == [("db", 4)]
        pulled = [each for each in report["remarks"] if "was pulled before the first" in each]
        assert all(any(f"/{name}," in each for each in pulled) for name in images), pulled
    assert after == {"alpha": NOTHING, "beta": NOTHING}
    kept = [each for host in ("alpha", "beta") for each in (tmp_path / host).glob("containers/*")]
    assert kept == []
