"""`headstart report --format decision`: the record of several runs from their files."""

from dataclasses import replace
from pathlib import Path

from headstart.collector.findings import RunResult
from headstart.collector.findings.json import to_json
from support.fake_runs import AOT, BROKEN, JIT, small
from support.running import headstart


def written(folder: Path, experiment: str, result: RunResult) -> Path:
    path = folder / f"{experiment}.json"
    path.write_text(to_json(replace(result, experiment=experiment, run_id=f"r-{experiment}")))
    return path


def test_files_of_reports_become_one_record_without_a_collector(tmp_path: Path) -> None:
    app = written(tmp_path, "app", small(kinds=(JIT, BROKEN), blocks=3).result())
    minimal = written(tmp_path, "minimal", small(kinds=(JIT, AOT), blocks=3).result())
    record = tmp_path / "decision.md"
    ran = headstart(
        *("report", minimal, app, "--format", "decision", "--title", "Ours", "--output", record),
        *("--subject", "as it stands=app"),
    )
    text = record.read_text()

    assert ran.status == 0, ran.errors
    assert text.startswith("# Ours\n")
    assert text.index("### as it stands") < text.index("### minimal")


def test_what_is_wrong_with_the_runs_is_told_line_by_line(tmp_path: Path) -> None:
    run = small(kinds=(JIT, AOT), blocks=3).result()
    here = written(tmp_path, "app", run)
    elsewhere = replace(run, host=replace(run.host, name="perf2"))
    there = written(tmp_path, "minimal", elsewhere)
    ran = headstart("report", here, there, "--format", "decision", "--subject", "x=ap")

    assert ran.status == 2
    assert "run r-minimal (experiment minimal) is of host perf2" in ran.errors
    assert "subject 'x': no run is of experiment 'ap'" in ran.errors
    assert "Traceback" not in ran.errors


def test_other_formats_are_of_one_run() -> None:
    ran = headstart("report", "one", "two", "--format", "markdown")

    assert ran.status == 2
    assert "--format markdown is of one run, found 2; `decision` joins several" in ran.errors
