"""Runs of an agent become messages to people, through the shipped rules and routes.

Collector, Prometheus and Alertmanager are real. Of the files that `headstart rules write` makes
only addresses and times are others; the times by default are held by the last test.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml

from headstart.collector.config import CollectorConfig
from headstart.dashboards import Configuration
from headstart.dashboards.alerts import rule_file
from headstart.dashboards.configuration import Duration
from headstart.dashboards.delivery import alertmanager_text, prometheus_text
from headstart.v1.experiments_pb2 import HistoryRequest, RunState
from headstart.v1.records_pb2 import Record
from headstart.words import metrics
from support.alertmanager_server import Webhook, alertmanager_with, webhook
from support.attending import (
    Attending,
    as_sent,
    attend,
    envelope,
    experiments,
    submit,
    watched,
)
from support.collector_process import CollectorProcess, collector_process
from support.fake_runs import AOT, JIT, R2R, Kind, small
from support.ports import free_port
from support.prometheus_server import PrometheusServer, prometheus_with
from support.running import headstart

pytestmark = [pytest.mark.prometheus, pytest.mark.alertmanager, pytest.mark.alone]

PLAYERS = """
experiment: players
baseline: jit
variants:
  jit: {image: "players:jit", compilation: jit}
  aot: {image: "players:aot", compilation: aot}
service: {port: 9000, ready: GET /health}
plan: {blocks: 12}
"""
CHECKOUT = """
experiment: checkout
baseline: jit
variants:
  jit: {image: "checkout:jit", compilation: jit}
  r2r: {image: "checkout:r2r", compilation: mixed}
  aot: {image: "checkout:aot", compilation: aot}
service: {port: 9000, ready: GET /health}
gates: {startup_seconds: {max: 50ms}}
plan: {blocks: 12}
"""
BEFORE = 9
AFTER = 5
DONE = RunState.RUN_STATE_DONE
# Of the files as they are shipped: to those of a test.
WAITS = {"group_wait: 30s": "group_wait: 1s", "group_interval: 10m": "group_interval: 1s"}
RUNBOOK = "docs/runbooks/{}.md"


@dataclass
class Site:
    """A collector, what watches it, and an agent's side of its wire."""

    collector: CollectorProcess
    prometheus: PrometheusServer
    webhook: Webhook
    sequence: int = 0

    @property
    def port(self) -> int:
        return self.collector.port

    async def told(self, name: str, status: str) -> str:
        """The texts of the first message about an alert; AssertionError where none comes."""
        message = await asyncio.to_thread(self.webhook.wait_for, name, status)
        return "\n".join(text for alert in message.alerts for text in alert["annotations"].values())

    async def seen(self, expr: str) -> None:
        """Until Prometheus has it."""
        await asyncio.to_thread(self.prometheus.wait_for, expr)

    async def run(
        self, agent: Attending, source: str, kinds: Iterable[Kind], revision: int, image: int = 1
    ) -> str:
        """An agent plays a run of made-up figures; its id, as soon as it has ended."""
        (run_id,) = await submit(self.port, source, revision=f"rev{revision}")
        fake = small(kinds=tuple(kinds), blocks=5, seed=revision, noise=0.005)
        await self.play(agent, run_id, _built(fake.records(), image))
        return run_id

    async def play(self, agent: Attending, run_id: str, records: Iterable[Record]) -> None:
        for record in records:
            self.sequence += 1
            await agent.send(envelope(self.sequence, run_id, record=as_sent(record)))
        await agent.acked(self.sequence)
        await watched(self.port, run_id, DONE)

    async def kept(self, run_id: str) -> None:
        """Until a run's figures are in the history."""
        request = HistoryRequest(experiment="players", variant="aot", metric=metrics.STARTUP.name)
        async with experiments(self.port) as stub, asyncio.timeout(60):
            while True:
                found = await stub.History(request)
                if any(p.run_id == run_id for series in found.series for p in series.points):
                    return
                # A pause between two questions, not a guess at how long the answer takes.
                await asyncio.sleep(0.02)


def _built(records: Iterable[Record], image: int) -> Iterable[Record]:
    for record in records:
        for variant in record.run_started.variants:
            variant.digest = f"sha256:{image:064x}"
        yield record


@asynccontextmanager
async def watched_site(folder: Path) -> AsyncIterator[Site]:
    """The shipped files with short times, and programs that have read them."""
    metrics_listen = f"127.0.0.1:{free_port()}"
    config = CollectorConfig(data=folder / "data-of-collector", metrics_listen=metrics_listen)
    rules, scraping, routes = (
        folder / name for name in ("headstart.rules.yml", "prometheus.yml", "alertmanager.yml")
    )
    settings = folder / "observability.toml"
    settings.write_text(
        f'[scrape]\ninterval = "1s"\ntargets = ["{metrics_listen}"]\n'
        '[thresholds]\ncollector_down_for = "2s"\n'
    )
    written = headstart(
        *("rules", "write", "--config", str(settings), "-o", str(rules)),
        *("--prometheus", str(scraping), "--alertmanager", str(routes)),
    )
    assert written.status == 0, written.errors
    with (
        webhook() as received,
        collector_process(config) as collector,
        alertmanager_with(
            _replaced(routes, {"http://127.0.0.1:5001/alerts": received.url, **WAITS})
        ) as alertmanager,
        # Alerts are sent again as often as they are looked at, which is so by default too.
        prometheus_with(
            _replaced(scraping, {"127.0.0.1:9093": alertmanager}),
            ["--rules.alert.resend-delay=1s"],
        ) as server,
    ):
        yield Site(collector, server, received)


def _replaced(file: Path, texts: dict[str, str]) -> Path:
    text = file.read_text()
    for shipped, here in texts.items():
        assert shipped in text
        text = text.replace(shipped, here)
    file.write_text(text)
    return file


def test_a_worse_build_is_one_message_with_its_evidence_until_the_level_is_back(
    tmp_path: Path,
) -> None:
    asyncio.run(_a_worse_build(tmp_path))


async def _a_worse_build(folder: Path) -> None:
    async with watched_site(folder) as site, attend(site.port) as agent:
        # What gets better meanwhile is nobody's trouble.
        quick = replace(JIT, startup_ms=JIT.startup_ms * 0.7)
        slow = replace(AOT, startup_ms=AOT.startup_ms * 1.25)
        for number in range(BEFORE):
            good = await site.run(agent, PLAYERS, (JIT, AOT), number)
            await site.kept(good)
        assert site.webhook.told == []
        bad = [
            await site.run(agent, PLAYERS, (quick, slow), BEFORE + n, image=2) for n in range(AFTER)
        ]

        text = await site.told("HeadstartRegression", "firing")
        said = re.search(
            r"startup of aot of players rose by ([\d.]+)% on .*, since revision rev9", text
        )
        assert said is not None, text
        assert 20 <= float(said[1]) <= 30
        was = rf"It was \d\d\.\d+ms up to revision rev8 \(the last good one, run {good}\)"
        now = rf"is \d\d\.\d+ms since revision rev9 \(the first bad one, run {bad[0]} on h1\)"
        assert re.search(f"{was} and {now}: 1.2\\d times, interval 1.2\\d* to 1.[23]\\d*", text), (
            text
        )
        assert "headstart history players --metric startup_seconds" in text
        assert RUNBOOK.format("HeadstartRegression") in text
        await site.seen('headstart_shift_ratio{change="better",variant="jit"}')
        assert site.webhook.told == [("HeadstartRegression", "firing")]

        while (lease := await agent.until("lease")).experiment.name != "players.rerun":
            pass
        kinds = (replace(AOT, name="before"), replace(slow, name="after"))
        rerun = small(kinds=kinds, blocks=12, seed=5, noise=0.005)
        await site.play(agent, lease.attempt.run_id, rerun.records())
        text = await site.told("HeadstartRegressionConfirmed", "firing")
        assert f"in turns (run {lease.attempt.run_id}), found the difference too" in text

        for number in range(6):
            await site.run(agent, PLAYERS, (quick, AOT), 30 + number, image=3)
        await site.told("HeadstartRegressionConfirmed", "resolved")
        await site.told("HeadstartRegression", "resolved")
        assert site.webhook.told[:2] == [
            ("HeadstartRegression", "firing"),
            ("HeadstartRegressionConfirmed", "firing"),
        ]
        assert len(site.webhook.told) == 4


def test_a_missed_gate_is_a_message_and_no_all_clear_comes_of_a_collector_that_dies(
    tmp_path: Path,
) -> None:
    asyncio.run(_a_missed_gate(tmp_path))


async def _a_missed_gate(folder: Path) -> None:
    quick = replace(R2R, startup_ms=40)
    well = (JIT, quick, AOT)
    broken = (JIT, replace(quick, starts=False), replace(AOT, startup_ms=80))
    trouble = ("HeadstartGateFailed", "HeadstartVariantDoesNotStart")
    async with watched_site(folder) as site:
        async with attend(site.port) as agent:
            await site.run(agent, CHECKOUT, well, 1)
            await site.seen('headstart_recommendation{experiment="checkout",variant="aot"}')
            bad = await site.run(agent, CHECKOUT, broken, 2)
            text = await site.told("HeadstartGateFailed", "firing")
            await site.told("HeadstartVariantDoesNotStart", "firing")
            assert "aot of checkout on h1 misses its gate on startup" in text
            assert re.search(r"has to be at most 50ms and is (79|80|81)", text), text
            assert f"Run {bad}, revision rev2: headstart report {bad}." in text
            assert RUNBOOK.format("HeadstartGateFailed") in text

        site.collector.kill()
        text = await site.told("HeadstartCollectorDown", "firing")
        assert "other alerts about its results, hosts and shifts are held back" in text
        # Longer than alerts outlive their series.
        await site.seen(
            'count_over_time(ALERTS{alertname="HeadstartCollectorDown",alertstate="firing"}[1h])'
            " > 12"
        )
        site.collector.start()
        await site.told("HeadstartCollectorDown", "resolved")
        async with attend(site.port) as agent:
            await site.run(agent, CHECKOUT, well, 3)
            for name in trouble:
                await site.told(name, "resolved")

        *begin, down, up, first, last = site.webhook.told
        assert set(begin) == {(name, "firing") for name in trouble}
        assert down == ("HeadstartCollectorDown", "firing")
        assert up == ("HeadstartCollectorDown", "resolved")
        assert {first, last} == {(name, "resolved") for name in trouble}
        assert len(begin) == len(trouble)


def test_by_default_a_message_leaves_within_four_minutes_of_the_result() -> None:
    """The longest way: scraped, looked at, held so long, looked at once more, and grouped."""
    configuration = Configuration()
    scraping = yaml.safe_load(prometheus_text(configuration))["global"]
    waits = re.findall(r"group_wait: (\S+)", alertmanager_text(configuration))
    rules = {r["alert"]: r for group in rule_file(configuration)["groups"] for r in group["rules"]}

    for name in ("HeadstartRegression", "HeadstartRegressionConfirmed", "HeadstartGateFailed"):
        every, looked = (
            _seconds(scraping[f"{each}_interval"]) for each in ("scrape", "evaluation")
        )
        grouped = max(_seconds(wait) for wait in waits)
        assert every + looked + _seconds(rules[name]["for"]) + looked + grouped <= 240


def _seconds(text: str) -> int:
    units = {"s": 1, "m": 60, "h": 3_600}
    return Duration(int(text[:-1]) * units[text[-1]]).seconds
