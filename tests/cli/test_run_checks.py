"""`headstart run` of a file with tests in a container, with a real engine."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from headstart.agent.instances import LABEL_STATE, state_id
from support.images import build_app, image_of
from support.running import HEADSTART, Ran, experiment, free_port, headstart
from support.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.compiler]

SUPPORT = Path(__file__).parents[1] / "support"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = build_app(tmp_path_factory.mktemp("app"))
    with image_of(program, f"headstart-test-run-app:{os.getpid()}") as name:
        yield name


@pytest.fixture(scope="module")
def tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = build_app(tmp_path_factory.mktemp("tests"), SUPPORT / "checks_app.c")
    changes = ['ENTRYPOINT ["app"]', 'CMD ["report=/report.xml=hello"]']
    with image_of(program, f"headstart-test-run-tests:{os.getpid()}", changes) as name:
        yield name


def asked(app: str, check: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """The variant aot answers something else."""
    port = free_port()
    variants = {
        "jit": {"image": app, "entrypoint": ["app", f"listen={port}"]},
        "aot": {"image": app, "entrypoint": ["app", "answer=hallo", f"listen={port}"]},
    }
    found = experiment(port, variants, **parts)
    service = {"ready": "GET /", "checks": [{"name": "integration", **check}]}
    return found | {"service": found["service"] | service}


def run(folder: Path, document: dict[str, Any], *options: str) -> Ran:
    file = folder / "e.yaml"
    file.write_text(yaml.safe_dump(document))
    return headstart("run", file, "--data", folder / "data", *options)


@pytest.fixture(scope="module")
def failed(app: str, tests: str, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    document = asked(app, {"image": tests, "junit": "/report.xml"})
    return run(tmp_path_factory.mktemp("failed"), document, "--json")


def test_a_variant_whose_tests_fail_is_rejected_with_their_names(failed: Ran) -> None:
    aot, jit = failed.variant("aot"), failed.variant("jit")

    assert failed.status == 1, failed.errors
    assert (jit["outcome"], aot["outcome"]) == ("measured", "checks fail")
    (sentence,) = aot["failing_checks"]
    assert sentence == (
        "integration: expected exit status 0 and no test that fails,"
        " got exit status 0, 1 of 4 tests fails: Api.body"
    )
    told = {each["variant"]: each["cases"] for each in failed.report()["cases"]}
    assert told["jit"] == []
    assert [(case["test"], case["outcome"], case["baseline"]) for case in told["aot"]] == [
        ("Api.body", "failed", "passed"),
        ("Api.json", "skipped", "passed"),
    ]
    (advice,) = failed.report()["recommendations"]
    assert advice["decision"] == "reject"


def test_the_report_says_which_image_it_was(failed: Ran, tests: str) -> None:
    facts = {fact["name"]: fact["value"] for fact in failed.report()["method"]}

    assert facts["container of integration"].startswith(f"{tests} (sha256:")


def test_without_its_image_nothing_is_measured(app: str, tmp_path: Path) -> None:
    document = asked(app, {"image": "headstart-absent:1"}, plan={"keep_going": True})
    ran = run(tmp_path, document)

    assert ran.status not in (0, 1)
    assert "does not hold image headstart-absent:1" in ran.output + ran.errors
    assert "e.yaml:" in ran.output + ran.errors


def test_beside_commands_it_asks_in_the_hosts_network(tests: str, tmp_path: Path) -> None:
    port = free_port()
    program = build_app(tmp_path)
    command = {"command": [str(program), f"listen={port}"]}
    found = experiment(port, {"a": command, "b": command})
    check = {"image": tests, "junit": "/report.xml"}
    service = {"ready": "GET /", "checks": [check]}
    ran = run(tmp_path, found | {"service": found["service"] | service}, "--json")

    assert [each["outcome"] for each in ran.report()["variants"]] == ["measured"] * 2
    assert [each["checks_passed"] for each in ran.report()["variants"]] == [2, 2]


def test_tests_that_cannot_be_started_are_no_fault_of_the_variant(
    app: str, tests: str, tmp_path: Path
) -> None:
    ran = run(tmp_path, asked(app, {"image": tests, "entrypoint": ["/absent"]}), "--json")

    aot, jit = ran.variant("aot"), ran.variant("jit")
    assert [each["outcome"] for each in (jit, aot)] == ["measured"] * 2
    assert "exec of /absent failed" in aot["failure_message"]
    assert ran.report()["recommendations"][0]["decision"] == "defer"


def test_an_app_that_ends_while_it_is_tested_dies(app: str, tests: str, tmp_path: Path) -> None:
    document = asked(app, {"image": tests, "command": ["get", "wait"]})
    # One answer makes it ready, the next is to the tests.
    document["variants"]["aot"]["entrypoint"].insert(1, "answers=2")
    document["variants"]["jit"]["entrypoint"].insert(1, "answers=2")
    ran = run(tmp_path, document, "--json")

    aot = ran.variant("aot")
    assert aot["failure"] == "dies"
    assert "ended during its checks with status 7" in aot["failure_message"]


def test_a_killed_run_leaves_its_tests_to_the_next(app: str, tests: str, tmp_path: Path) -> None:
    file = tmp_path / "e.yaml"
    file.write_text(yaml.safe_dump(asked(app, {"image": tests, "command": ["wait"]})))
    label = f"label={LABEL_STATE}={state_id(tmp_path / 'data' / 'agent')}"

    def left() -> list[str]:
        argv = ["docker", "ps", "-a", "--format", "{{.Names}}", "--filter", label]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split()

    argv: list[str | Path] = [HEADSTART, "run", file, "--data", tmp_path / "data"]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as killed:
        wait_until(lambda: any(name.endswith("-check-1") for name in left()))
        killed.send_signal(signal.SIGKILL)
    try:
        assert len(left()) >= 2
        ran = run(tmp_path, asked(app, {"image": tests, "command": ["exit=0"]}))
        assert ran.status in (0, 1, 4), ran.errors
        assert left() == []
    finally:
        for name in left():
            subprocess.run(["docker", "rm", "-f", name], check=True, capture_output=True)
