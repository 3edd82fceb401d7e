"""What deploy/ci offers to pipelines: the script that all of them call, and what calls it."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from headstart.collector.config import Timing
from headstart.collector.findings.json import to_json
from support.attending import EXPERIMENT, attend, collecting
from support.fake_runs import BROKEN, JIT, small
from support.playing import play
from support.running import HEADSTART, Ran, app, experiment, free_port

ROOT = Path(__file__).parents[1]
CI = ROOT / "deploy/ci"
SCRIPT = CI / "headstart-ci"
ACTION = CI / "github/action.yml"
GITLAB = CI / "gitlab/headstart.gitlab-ci.yml"

# A pipeline is several commands, which take minutes on a machine that works for others too.
pytestmark = pytest.mark.timeout(400)


def shell(folder: Path, *words: str | Path, **environment: str) -> Ran:
    """A command in a folder, with `headstart` on its path and no pipeline around it."""
    pipeline = ("GITHUB_", "CI_", "HEADSTART_COLLECTOR", "HEADSTART_IDENTITY", "HEADSTART_GATE")
    bare = {name: value for name, value in os.environ.items() if not name.startswith(pipeline)}
    path = f"{HEADSTART.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", *words],
        cwd=folder,
        env=bare | {"PATH": path} | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def written(folder: Path, behaviour: str = "good") -> Path:
    """An experiment file whose second variant behaves so."""
    port = free_port()
    content = experiment(
        port,
        {"jit": app(port), "aot": app(port, behaviour)},
        service={"checks": ["GET /players -> 200"]},
        plan={"blocks": 1},
    )
    file = folder / "sample.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return file


@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("github-actions", "github/action.yml"),
        ("github-workflows", "github/workflow.yml"),
        ("gitlab-ci", "gitlab/headstart.gitlab-ci.yml"),
    ],
)
def test_the_files_of_each_system_are_what_its_published_schema_asks_for(
    schema: str, file: str
) -> None:
    pytest.importorskip("check_jsonschema", reason="check-jsonschema, which has the schemas")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}"]
    done = subprocess.run([*command, CI / file], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_a_pipeline_measures_judges_and_keeps_what_people_and_systems_read(tmp_path: Path) -> None:
    summary, output = tmp_path / "step.md", tmp_path / "outputs"
    ran = shell(
        tmp_path,
        *(SCRIPT, "-b", "touch built", written(tmp_path)),
        GITHUB_SHA="f00",
        GITHUB_STEP_SUMMARY=str(summary),
        GITHUB_OUTPUT=str(output),
    )
    assert ran.status == 0, ran.errors
    (report,) = (tmp_path / "headstart-ci").glob("*.json")
    kept = {path.name.replace(report.stem, "RUN") for path in report.parent.iterdir()}
    found = json.loads(report.read_text())
    suites = ElementTree.parse(report.with_name("junit.xml"))  # noqa: S314  # we wrote it

    assert (tmp_path / "built").exists()
    assert kept == {"RUN.json", "RUN.html", "RUN.md", "junit.xml", "summary.md", "comment.md"}
    assert found["run_id"] == report.stem
    assert (found["revision"], found["host"]["name"]) == ("f00", "ci")
    assert suites.find("testsuite/testcase") is not None
    assert summary.read_text() == report.with_name("summary.md").read_text()
    assert report.with_name("comment.md").read_text() == (
        f"<!-- headstart: sample.yaml -->\n{summary.read_text()}"
    )
    assert output.read_text() == "code=0\nfolder=headstart-ci\n"


def test_what_is_rejected_ends_the_step_with_1_and_an_option_reaches_the_run(
    tmp_path: Path,
) -> None:
    ran = shell(tmp_path, SCRIPT, "-o", "found", written(tmp_path, "exits"), "--blocks", "2")
    (report,) = (tmp_path / "found").glob("*.json")

    assert ran.status == 1, ran.errors
    assert json.loads(report.read_text())["variants"][1]["outcome"] == "does not start"
    assert json.loads(report.read_text())["variants"][1]["trials"] == 2
    assert "configuration is missing" in (tmp_path / "found/comment.md").read_text()


def test_a_build_that_fails_measures_nothing_and_is_no_pass(tmp_path: Path) -> None:
    ran = shell(tmp_path, SCRIPT, "-b", "exit 9", written(tmp_path))

    assert ran.status == 4
    assert "the build failed: nothing was measured" in ran.errors
    assert not (tmp_path / ".headstart").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "FILE is missing"),
        (("absent.yaml",), "absent.yaml: there is no such file"),
        (("-z", "sample.yaml"), "options of headstart come after FILE"),
    ],
)
def test_a_call_that_is_wrong_is_told_how_it_is_made(
    tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    ran = shell(tmp_path, SCRIPT, *words)

    assert ran.status == 2
    assert said in ran.errors
    assert "usage: headstart-ci" in ran.errors


def test_a_mistake_of_the_file_ends_the_step_with_2_and_leaves_no_report(tmp_path: Path) -> None:
    file = written(tmp_path)
    file.write_text(file.read_text().replace("baseline: jit", "baseline: jti"))
    ran = shell(tmp_path, SCRIPT, file)

    assert ran.status == 2
    assert "did you mean 'jit'?" in ran.errors
    assert list((tmp_path / "headstart-ci").iterdir()) == []


def test_a_comment_is_as_long_as_a_comment_may_be(tmp_path: Path) -> None:
    """Of a summary that is longer than that; `headstart` is one that has such a run."""
    report = small(blocks=3).result()
    folder = tmp_path / ".headstart/reports" / report.run_id
    folder.mkdir(parents=True)
    for suffix in ("json", "html", "md"):
        (folder / f"report.{suffix}").write_text(to_json(report, indent=1))
    long = tmp_path / "long.md"
    long.write_text("````text\n" + "ünderstood, and more\n" * 9_000 + "````\n")
    shim = tmp_path / "bin/headstart"
    shim.parent.mkdir()
    shim.write_text(
        "#!/bin/sh\n"
        f'[ "$1" != run ] || exec cat "{folder}/report.json"\n'
        f'{HEADSTART} "$@" || exit; cat "{long}" >> headstart-ci/summary.md\n'
    )
    shim.chmod(0o755)
    path = f"{shim.parent}{os.pathsep}{os.environ['PATH']}"
    ran = shell(tmp_path, SCRIPT, written(tmp_path), PATH=path)
    comment = (tmp_path / "headstart-ci/comment.md").read_bytes()

    assert ran.status == 0, ran.errors
    assert 59_000 < len(comment) < 65_536
    assert comment.decode().count("````") == 2
    assert comment.endswith(b"it is in summary.md of the results.\n")


def test_with_a_collector_the_file_is_submitted_and_its_runs_are_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The lease comes when a shell and a command have begun.
    monkeypatch.setattr("support.attending._PATIENCE_SECONDS", 120)
    asyncio.run(_submitted_and_judged(tmp_path))


async def _submitted_and_judged(tmp_path: Path) -> None:
    broken = small(kinds=(JIT, BROKEN), blocks=3)
    (tmp_path / "players.yaml").write_text(EXPERIMENT.replace("aot:", f"{BROKEN.name}:"))
    async with (
        # A stream may be silent for as long as a command takes to begin on a busy machine.
        collecting(tmp_path / "store", timing=Timing(heartbeat_seconds=40)) as collector,
        attend(collector.port, host="h1") as agent,
    ):
        waiting = asyncio.create_task(
            asyncio.to_thread(
                shell,
                tmp_path,
                *(SCRIPT, "players.yaml"),
                HEADSTART_COLLECTOR=f"127.0.0.1:{collector.port}",
                HEADSTART_SUBMIT_PLAINTEXT="1",
                HEADSTART_REPORT_PLAINTEXT="1",
            )
        )
        run_id = await play(agent, broken, "h1")
        ran = await waiting
    kept = tmp_path / "headstart-ci"
    suite = ElementTree.parse(kept / "junit.xml").find("testsuite")  # noqa: S314  # we wrote it

    assert ran.status == 1, ran.errors
    assert [path.stem for path in kept.glob("*.html")] == [run_id]
    assert suite is not None
    assert suite.get("name", "").startswith("players.h1.")


def test_a_run_whose_report_does_not_come_is_no_pass(tmp_path: Path) -> None:
    """Of two that were measured; `headstart` is one whose collector gives one report alone."""
    report = small(blocks=3).result()
    (tmp_path / "whole.json").write_text(to_json(report, indent=1))
    shim = tmp_path / "bin/headstart"
    shim.parent.mkdir()
    shim.write_text(
        "#!/bin/sh\n"
        'case "$1 $2" in\n'
        f'"submit "*) printf \' "run_id": "%s",\\n\' {report.run_id} 20261130-000000-gone ;;\n'
        '"report "*gone) exit 5 ;;\n'
        '"report "*) cp whole.json "$4" ;;\n'
        f'*) exec {HEADSTART} "$@" ;;\n'
        "esac\n"
    )
    shim.chmod(0o755)
    path = f"{shim.parent}{os.pathsep}{os.environ['PATH']}"
    words = (SCRIPT, written(tmp_path))
    ran = shell(tmp_path, *words, PATH=path, HEADSTART_COLLECTOR="127.0.0.1:1")

    assert (tmp_path / f"headstart-ci/{report.run_id}.json").exists()
    assert ran.status == 4, ran.errors
    assert "not judged: 20261130-000000-gone" in ran.errors


def test_the_workflow_keeps_its_token_from_builds_and_comments_where_it_may() -> None:
    """A checkout leaves its token in .git by default; that of a fork may not comment."""
    text = (CI / "github/workflow.yml").read_text()
    steps = yaml.safe_load(text)["jobs"]["measure"]["steps"]
    (checkout,) = (step for step in steps if step.get("uses", "").startswith("actions/checkout@"))
    (comment,) = (step for step in steps if "gh pr comment" in step.get("run", ""))

    assert checkout["with"]["persist-credentials"] is False
    assert "head.repo.full_name == github.repository" in comment["if"]


def _step(action: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (step for step in action["runs"]["steps"] if step["name"] == name)
    return dict(found)


def test_the_action_and_the_template_call_the_script_with_what_they_were_given(
    tmp_path: Path,
) -> None:
    """Both texts as shell, on a build that fails: what reaches the script is seen by that."""
    step = _step(yaml.safe_load(ACTION.read_text()), "Measure and judge")
    template = yaml.safe_load(GITLAB.read_text())[".headstart"]
    file = written(tmp_path).name
    build = "echo built by $HEADSTART_RUN_HOST, judged by ${HEADSTART_GATE_PROFILE:-none}; false"
    of_action = dict.fromkeys(step["env"], "") | {
        "FILE": file,
        "BUILD": build,
        "OUTPUT": "of-action",
        "ACTION": str(ACTION.parent),
        "PROFILE": "ci-default",
        "HEADSTART_RUN_HOST": "perf",
    }
    of_template = template["variables"] | {
        "MEASURE_FILE": file,
        "MEASURE_BUILD": build,
        "MEASURE_SCRIPT": str(SCRIPT),
    }
    github = shell(tmp_path, "-ec", step["run"], **of_action)
    gitlab = shell(tmp_path, "-ec", "\n".join(template["script"]), **of_template)

    assert (github.status, gitlab.status) == (4, 4), github.errors + gitlab.errors
    assert github.output == "built by perf, judged by ci-default\n"
    assert gitlab.output == "built by ci, judged by none\n"
    assert (tmp_path / "of-action").is_dir()
    assert (tmp_path / "headstart-ci").is_dir()
