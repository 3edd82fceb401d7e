"""`headstart run` as a user runs it: real processes, real records, a report."""

import signal
import socket
import subprocess
from pathlib import Path

import pytest
import yaml

from headstart.words import metrics
from support.running import HEADSTART, app, experiment, free_port, headstart, left_behind, run

pytestmark = pytest.mark.alone


def test_the_faster_start_is_found_and_a_report_is_written(tmp_path: Path) -> None:
    port = free_port()
    pair = {"slow": app(port, "slow"), "fast": app(port)}
    ran = run(tmp_path, experiment(port, pair, plan={"blocks": 5}))
    comparison = next(
        c
        for c in ran.report()["comparisons"]
        if (c["metric"], c["variant"]) == (metrics.STARTUP.name, "fast")
    )
    pages = list((tmp_path / "data" / "reports").glob("*/report.html"))

    assert ran.status == 0, ran.errors
    assert comparison["verdict"] == "better"
    assert comparison["interval"]["high"] < 1
    assert len(pages) == 1
    assert "<svg" in pages[0].read_text()
    assert left_behind(tmp_path) == []


def test_variants_that_do_not_serve_are_results_with_evidence(tmp_path: Path) -> None:
    port = free_port()
    variants = {name: app(port, name) for name in ("good", "exits", "silent", "broken")}
    content = experiment(port, variants, service={"startup_timeout": "2s"})
    ran = run(tmp_path, content)

    assert ran.status == 1, ran.errors
    assert ran.variant("good")["outcome"] == "measured"
    assert ran.variant("exits")["outcome"] == "does not start"
    assert "status 3" in ran.variant("exits")["failure_message"]
    assert "configuration is missing" in ran.variant("exits")["output_tail"]
    assert "nothing listened" in ran.variant("silent")["failure_message"]
    assert "500" in ran.variant("broken")["failure_message"]
    assert left_behind(tmp_path) == []


def test_an_app_that_dies_under_load_is_a_result_with_its_last_words(tmp_path: Path) -> None:
    port = free_port()
    content = experiment(
        port,
        {"good": app(port), "dies": app(port, "dies")},
        load={"request": "GET /x", "connections": 2, "duration": "2s", "driver": "builtin"},
        plan={"blocks": 1},
    )
    ran = run(tmp_path, content)

    assert ran.status == 1, ran.errors
    assert "status 7" in ran.variant("dies")["failure_message"]
    assert "out of luck" in ran.variant("dies")["output_tail"]


def test_another_answer_than_the_baselines_is_found(tmp_path: Path) -> None:
    port = free_port()
    content = experiment(
        port,
        {"good": app(port), "differs": app(port, "differs")},
        service={
            "checks": ["GET /x -> 200"],
            "compare_with_baseline": True,
            "volatile": ["at"],
        },
    )
    ran = run(tmp_path, content)

    assert ran.variant("good")["checks_failed"] == 0
    assert "status" in ran.variant("differs")["failing_checks"][0]


def test_a_port_in_use_is_named_with_its_owner(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        content = experiment(port, {"a": app(port), "b": app(port)})
        ran = run(tmp_path, content, options=["--keep-going"])

    assert str(port) in ran.variant("a")["failure_message"]
    assert "in use" in ran.variant("a")["failure_message"]


def test_a_load_driver_that_is_not_installed_is_named_and_the_start_still_measured(
    tmp_path: Path,
) -> None:
    port = free_port()
    content = experiment(
        port,
        {"a": app(port), "b": app(port)},
        load={"request": "GET /x", "connections": 1, "duration": "1s", "driver": "h2load"},
    )
    empty = tmp_path / "bin"
    empty.mkdir()
    ran = run(tmp_path, content, env={"PATH": str(empty)}, options=["--keep-going"])
    measured = {figure["metric"] for figure in ran.report()["figures"] if figure["values"]}

    assert "nghttp2-client" in ran.variant("a")["failure_message"]
    assert metrics.STARTUP.name in measured


@pytest.mark.docker
def test_an_image_that_does_not_exist_is_named_and_the_rest_measured_where_that_is_asked_for(
    tmp_path: Path,
) -> None:
    port = free_port()
    missing = {"image": "headstart-test/none:0", "compilation": "aot"}
    content = experiment(port, {"good": app(port), "missing": missing})
    refused = run(tmp_path, content)
    ran = run(tmp_path, content, options=["--keep-going"])

    assert refused.status == 2
    assert "variants.missing.image" in refused.errors
    assert ran.variant("good")["outcome"] == "measured"
    assert "headstart-test/none:0" in ran.variant("missing")["failure_message"]


def test_a_run_in_which_nothing_can_run_fails_and_says_why(tmp_path: Path) -> None:
    nothing = {"command": ["/nonexistent/program"]}
    ran = run(tmp_path, experiment(free_port(), {"a": nothing, "b": nothing}))

    assert ran.status == 2
    assert "/nonexistent/program" in ran.errors
    assert not (tmp_path / "data").exists()


def test_mistakes_in_a_file_are_told_together_with_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(
        "experiment: wrong\nbaseline: jti\nvariants:\n  jit: {image: a}\n  aot: {imagee: b}\n"
        "service:\n  port: 90000\n  ready: GET /health\n"
    )
    ran = headstart("run", file, "--data", tmp_path / "data")

    assert ran.status == 2
    assert all(f"{file}:{line}" in ran.errors for line in (2, 5, 7))
    assert not (tmp_path / "data").exists()


def _start(folder: Path, port: int) -> "subprocess.Popen[str]":
    """A run that would go on for minutes; returns once its first trial idles."""
    file = folder / "experiment.yaml"
    content = experiment(port, {"a": app(port), "b": app(port)}, plan={"idle": "60s"})
    file.write_text(yaml.safe_dump(content))
    process = subprocess.Popen(
        [HEADSTART, "run", file, "--data", folder / "data", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if ": idle" in line:
            return process
    raise AssertionError(f"ended with {process.wait()} before its first trial idled")


def test_ctrl_c_cancels_reports_and_leaves_nothing(tmp_path: Path) -> None:
    process = _start(tmp_path, free_port())
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)

    assert process.returncode == 130
    assert '"cancelled"' in output
    assert left_behind(tmp_path) == []


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path: Path) -> None:
    port = free_port()
    process = _start(tmp_path, port)
    process.kill()
    process.communicate()
    orphans = left_behind(tmp_path)
    ran = run(tmp_path, experiment(port, {"a": app(port), "b": app(port)}))

    assert orphans != []
    assert ran.status == 0, ran.errors
    assert ran.variant("a")["outcome"] == "measured"
    assert left_behind(tmp_path) == []


def test_cpus_that_the_host_lacks_are_named(tmp_path: Path) -> None:
    port = free_port()
    content = experiment(
        port, {"a": app(port), "b": app(port)}, plan={"cpus": {"server": "0", "load": "4095"}}
    )
    ran = run(tmp_path, content)

    assert ran.status == 2
    assert "4095" in ran.errors
