"""Every query of every dashboard, by promtool and against a Prometheus that scraped a collector."""

import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from headstart.collector.findings import RunResult
from headstart.collector.metrics.page import Exposition
from headstart.collector.own_metrics import Refusal, SelfMetrics
from headstart.dashboards import Configuration, write
from headstart.dashboards.alerts import rule_file
from headstart.dashboards.board_uids import HISTORY, VARIANTS
from headstart.dashboards.configuration import Scrape
from headstart.dashboards.generate import dashboards
from headstart.dashboards.word_ranks import VERDICT_RANKS, verdict_ranks
from headstart.v1.experiments_pb2 import RunState
from headstart.words import metrics
from support.dashboard_json import (
    annotations,
    expressions,
    interpolated,
    panels,
    targets,
    variables,
)
from support.fake_runs import Fake
from support.http_serving import serving
from support.metrics_results import STORE, fleet, host_states, run_result, shifts
from support.prometheus_server import PrometheusServer, prometheus

pytestmark = pytest.mark.prometheus

BOARDS = {board["uid"]: board for board in dashboards()}

# With a scrape a second.
RATE_INTERVAL = "5s"

ANALYSED = "analysed"


@pytest.fixture(params=list(BOARDS.values()), ids=list(BOARDS))
def board(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = request.param
    return found


def analysed(now: float) -> RunResult:
    """A result that analysis made of an agent's records, in place of one made up."""
    return replace(Fake().result(), experiment=ANALYSED, ended_unix_seconds=now - 300)


def rerun(now: float) -> RunResult:
    """What confirms a regression; one of its images is not what it is called."""
    result = run_result("players-api.rerun", variants=("before", "after"), ended=now - 700)
    before, after = result.variants
    return replace(result, variants=(before, replace(after, mislabelled="a jar, called aot")))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    """A Prometheus with a few scrapes of a collector that has results, hosts and a past."""
    now = time.time()
    own = SelfMetrics("0.1.0")
    own.ingested(batches=10, payload_bytes=7_000)
    own.committed(0.06)
    own.refused(Refusal.CORRUPT)
    own.analysed(0.4)
    own.stream_opened()
    own.run_ended(RunState.RUN_STATE_DONE)
    exposition = Exposition(own, STORE, detailed=True)
    shown = [*shifts(now), *shifts(now, ANALYSED)]
    exposition.update([*fleet(now), analysed(now), rerun(now)], host_states(now), shown)
    folder = tmp_path_factory.mktemp("prometheus")
    *_, rules = write(folder / "generated")
    with (
        serving(exposition) as metrics,
        prometheus(folder, [f"127.0.0.1:{metrics.port}"], [rules]) as running,
    ):
        running.wait_for("rate(headstart_collector_batches_total[5s])")
        running.wait_for("ALERTS")
        yield running


def test_every_query_is_promql(board: dict[str, Any], tmp_path: Path) -> None:
    rules = [
        {"record": f"query:{i}", "expr": interpolated(expr, board)}
        for i, expr in enumerate(expressions(board))
    ]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))

    checked = subprocess.run(
        ["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_scrape_went_well(server: PrometheusServer) -> None:
    (up,) = server.query('up{job="headstart"}')
    (target,) = server.get("targets")["activeTargets"]

    assert up["value"][1] == "1"
    assert target["lastError"] == ""


def test_every_panel_has_data(board: dict[str, Any], server: PrometheusServer) -> None:
    empty = []
    for panel, target in targets(board):
        expr = interpolated(target["expr"], board, RATE_INTERVAL)
        found = server.query(expr) if target["instant"] else server.query_range(expr)
        if not found:
            empty.append(f"{panel['title']}, query {target['refId']}: {expr}")

    assert empty == []


def selected_by(selector: str) -> Configuration:
    return Configuration(scrape=Scrape(selector=selector))


def test_a_selector_of_the_job_takes_nothing_away(server: PrometheusServer) -> None:
    empty = [
        f"{panel['title']}, query {target['refId']}: {target['expr']}"
        for board in dashboards(selected_by('job="headstart"'))
        for panel, target in targets(board)
        if not server.query(interpolated(target["expr"], board, RATE_INTERVAL))
    ]

    assert empty == []


def test_a_selector_of_another_job_leaves_no_series_of_this_one(server: PrometheusServer) -> None:
    configuration = selected_by('job="other"')
    asked = [
        interpolated(target["expr"], board, RATE_INTERVAL)
        for board in dashboards(configuration)
        for _, target in targets(board)
    ]
    rules = [
        rule["expr"] for group in rule_file(configuration)["groups"] for rule in group["rules"]
    ]
    # ALERTS is Prometheus's own, and 0 where there is nothing is no series.
    asked = [e for e in asked if "ALERTS" not in e and not e.endswith("or vector(0)")]
    found = [expr for expr in asked + rules if server.query(expr) and "absent(" not in expr]

    assert len(asked) > 30
    assert found == []


def test_a_run_as_analysis_gives_it_fills_every_panel_but_those_of_jobs(
    server: PrometheusServer,
) -> None:
    board = BOARDS[VARIANTS]
    jobs = {f"{each.title}: ratio" for each in metrics.HEADLINES if each.job is not None}
    filled = {
        panel["title"]
        for panel, target in targets(board)
        if server.query(interpolated(target["expr"], board, experiment=ANALYSED))
    }

    assert {panel["title"] for panel in panels(board)} - filled == jobs | {"Jobs in numbers"}


def test_every_variable_has_something_to_choose(
    board: dict[str, Any], server: PrometheusServer
) -> None:
    for variable in variables(board):
        query = interpolated(variable["query"], board)
        if ranked := re.fullmatch(r"query_result\((.+)\)", query):
            (label,) = re.findall(r'(\w+)="', variable["regex"])
            offered = [series["metric"][label] for series in server.query(ranked[1])]
        else:
            asked = query.removeprefix("label_values(").removesuffix(")")
            selector, _, label = asked.rpartition(", ")
            offered = server.label_values(label, selector)
        assert offered, variable["name"]
        selected = variable.get("current", {}).get("value", "$__all")
        assert selected == "$__all" or set(selected) <= set(offered), variable["name"]


def test_annotations_mark_when_runs_ended_and_shifts_were_found(
    board: dict[str, Any], server: PrometheusServer
) -> None:
    expected = {
        # Of one experiment; its hosts measured one revision.
        (HISTORY, "Revision measured"): (1, 86_400),
        (HISTORY, "Shift found"): (2, 600),
    }
    for annotation in annotations(board):
        found = server.query(interpolated(annotation["expr"], board))

        # Milliseconds, which is what Grafana takes for a time.
        ages = sorted(time.time() - float(series["value"][1]) / 1000 for series in found)
        number, youngest = expected[board["uid"], annotation["name"]]
        assert len(ages) == number
        assert youngest <= ages[0] < youngest + 300
        assert annotation["useValueForTime"]


def test_a_verdict_from_disturbed_trials_bears_a_mark(server: PrometheusServer) -> None:
    found = server.query(verdict_ranks('experiment="players-api",host="alpha",variant="r2r"'))

    ranks = {series["metric"]["metric"]: series["value"][1] for series in found}
    assert VERDICT_RANKS.options[ranks[metrics.STARTUP.name]].text == "better"
    assert VERDICT_RANKS.options[ranks[metrics.LATENCY_P99.name]].text == "better ?"


def test_a_hardware_filter_with_special_characters_finds_its_hosts(
    server: PrometheusServer,
) -> None:
    # As Grafana escapes the choice "Intel(R) Xeon(R) CPU @ 2.20GHz" for =~.
    choice = r"Intel\\(R\\) Xeon\\(R\\) CPU @ 2\\.20GHz"
    found = server.query(f'headstart_run_info{{cpu_model=~"{choice}"}}')

    assert {series["metric"]["host"] for series in found} == {"alpha", "beta"}


def test_results_are_not_told_apart_by_run(server: PrometheusServer) -> None:
    (series,) = server.query(
        'headstart_startup_seconds{experiment="players-api",host="alpha",variant="jit",stat="center"}'
    )

    assert series["metric"].keys() == {
        "__name__",
        "job",
        "instance",
        "store",
        "experiment",
        "host",
        "fingerprint",
        "cpu_model",
        "variant",
        "stat",
    }
