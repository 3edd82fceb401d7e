"""A store of before: what its results said then, they say now.

`store_of_schema_1` was made by Headstart at commit bd39624: two revisions of a service, a
batch program twice and an A/A run, on one machine. `said.json` is what that version's report,
history, compare, export and /metrics said of it.
"""

import asyncio
import json
import re
import urllib.request
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import zstandard

from headstart.collector.analysis.across.two_runs import compare_runs
from headstart.collector.findings import RunResult
from headstart.collector.findings.json import from_json
from headstart.v1.experiments_pb2 import (
    ExportRequest,
    ExportTable,
    HistoryRequest,
    ReportFormat,
    ReportRequest,
)
from headstart.words.json_schema_number import SCHEMA
from support.attending import collecting, experiments, in_loop

FOLDER = Path(__file__).parents[2] / "support" / "store_of_schema_1"
_FACTS = ("CPU", "kernel", "engine")
SAID: dict[str, Any] = json.loads((FOLDER / "said.json").read_text())
OLD, NEW = (run for run, said in SAID["reports"].items() if said["experiment"] == "players")


@in_loop
async def test_a_store_of_before_says_the_same(tmp_path: Path) -> None:
    packed = (FOLDER / "store.sqlite.zst").read_bytes()
    (tmp_path / "headstart.sqlite").write_bytes(zstandard.ZstdDecompressor().decompress(packed))
    async with (
        collecting(tmp_path, metrics_listen="127.0.0.1:0") as collector,
        experiments(collector.port) as stub,
    ):
        assert collector.metrics_port is not None
        reports = {run: await _whole(stub.Report(_as_json(run))) for run in SAID["reports"]}
        results = {run: from_json(text) for run, text in reports.items()}
        history = await stub.History(HistoryRequest(experiment="players"))
        trials = {run: await _trials(stub, run, tmp_path) for run in SAID["trials"]}
        page = await asyncio.to_thread(_metrics, collector.metrics_port)

    assert {json.loads(text)["schema"] for text in reports.values()} == {SCHEMA}
    assert {run: _said(result) for run, result in results.items()} == SAID["reports"]
    assert SAID["history"] == sorted(
        [each.variant, each.metric, [[point.run_id, point.value] for point in each.points]]
        for each in history.series
    )
    assert SAID["changes"] == sorted(
        [change.variant, change.metric, change.before, change.after]
        for change in compare_runs(results[OLD], results[NEW]).changes
    )
    assert trials == SAID["trials"]
    assert page == SAID["metrics"]


def _as_json(run_id: str) -> ReportRequest:
    return ReportRequest(run_id=run_id, format=ReportFormat.REPORT_FORMAT_JSON)


def _said(result: RunResult) -> dict[str, Any]:
    """What is kept of a report, in the words of schema 1 where there are others now."""
    words = {"undetermined": "untold"}
    return {
        "experiment": result.experiment,
        "revision": result.revision,
        "figures": {f"{f.metric} {f.variant}": f.center for f in result.figures},
        "verdicts": {f"{c.metric} {c.variant}": [c.verdict, c.ratio] for c in result.comparisons},
        "decisions": {each.variant: each.decision for each in result.recommendations},
        "shapes": {each.variant: each.shape for each in result.load.variant_warmups},
        "job_break_evens": [words.get(e.outcome, e.outcome) for e in result.job_break_evens],
        "break_evens": [words.get(e.outcome, e.outcome) for e in result.load.break_evens],
        "host": {
            f.name: f.value for f in result.host.facts if f.name in ("CPU", "kernel", "engine")
        },
        "advice": [each.code for each in result.host.advice],
        "checked_by": result.host.check.run_id if result.host.check else None,
    }


async def _whole(pieces: Any) -> bytes:
    return b"".join([piece.chunk async for piece in pieces])


async def _trials(stub: Any, run_id: str, folder: Path) -> list[list[Any]]:
    request = ExportRequest(run_id=run_id, table=ExportTable.EXPORT_TABLE_TRIALS)
    file = folder / "trials.parquet"
    file.write_bytes(await _whole(stub.Export(request)))
    columns = ("variant", "trial", "startup_seconds", "rss_idle_bytes")
    return [[row[name] for name in columns] for row in parquet.read_table(file).to_pylist()]


def _metrics(port: int) -> list[list[Any]]:
    """The figures that `said.json` has, once the page is made."""
    pattern = re.compile(r"headstart_(startup_seconds|rss_idle_bytes|job_seconds)\{(.*)\} (\S+)$")
    found = []
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        for line in answer.read().decode().splitlines():
            if match := pattern.match(line):
                labels = dict(re.findall(r'(\w+)="([^"]*)"', match[2]))
                found.append([match[1], labels["experiment"], labels["variant"], float(match[3])])
    return sorted(found)
