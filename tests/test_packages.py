"""What is released: the wheel and the sdist, what is in them, and how they run installed."""

import json
import re
import stat
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from headstart.cli.extras import NEEDED
from headstart.dashboards.generate import dashboards
from support.packages import ROOT, Installed, build, checkout, files_of, git, install
from support.running import HEADSTART, app, experiment, free_port

PARTS = ("words", "agent", "collector", "dashboards", "cli", "proto/gen")
VERSION = version("headstart")
WHEEL = f"headstart-{VERSION}-py3-none-manylinux_2_28_x86_64.whl"
GATE = "headstart/agent/runtimes/launch_gate/gate-x86_64"

pytestmark = pytest.mark.skipif(
    not (ROOT / ".git").exists(), reason="no checkout: packages are built of a commit"
)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkout(tmp_path_factory.mktemp("packages") / "source")


@pytest.fixture(scope="module")
def sdist(source: Path) -> Path:
    return build(source, "sdist", source.parent)


@pytest.fixture(scope="module")
def wheel(source: Path) -> Path:
    return build(source, "wheel", source.parent)


@pytest.fixture(scope="module")
def lean(wheel: Path) -> Installed:
    """What a host has that only measures."""
    return install(wheel, wheel.parent / "lean")


@pytest.fixture(scope="module")
def with_collector(wheel: Path) -> Installed:
    return install(wheel, wheel.parent / "with-collector", "collector")


def unpacked(sdist: Path, folder: Path) -> Path:
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (only,) = folder.iterdir()
    return only


def test_another_checkout_and_umask_give_the_same_bytes_and_so_does_the_sdist(
    sdist: Path, wheel: Path, tmp_path: Path
) -> None:
    elsewhere = checkout(tmp_path / "elsewhere")

    again = build(elsewhere, "sdist", tmp_path, umask=0o077)
    of_sdist = build(unpacked(again, tmp_path / "unpacked"), "wheel", tmp_path, umask=0o077)

    assert again.read_bytes() == sdist.read_bytes()
    assert of_sdist.name == wheel.name == WHEEL
    assert of_sdist.read_bytes() == wheel.read_bytes()


def test_a_git_url_builds_a_wheel_that_names_the_commit(source: Path, tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]

    subprocess.run([*pip, "-w", str(tmp_path), f"git+file://{source}"], check=True)

    with zipfile.ZipFile(tmp_path / WHEEL) as archive:
        kept = json.loads(archive.read("headstart/words/commit.json"))
    # pip clones: what was not committed stays where it is.
    assert kept == {"commit": git(source, "rev-parse", "HEAD").strip(), "changed": False}


def test_the_sdist_has_each_file_of_the_commit(source: Path, sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}

    assert packed - files_of(source) == {"PKG-INFO", "words/headstart/words/commit.json"}
    assert files_of(source) - packed == set()


def test_the_wheel_has_each_file_of_the_parts_and_what_deploys_them(
    source: Path, wheel: Path
) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
        gate = archive.getinfo(GATE)
    shared = f"headstart-{VERSION}.data/data/share/headstart/"
    files = files_of(source)
    of_parts = {
        file.removeprefix(f"{part}/")
        for file in files
        for part in PARTS
        if file.startswith(f"{part}/headstart/")
    }

    of_deploy = {file for file in files if file.startswith("deploy/")}
    others = packed - of_parts - {f"{shared}{file}" for file in of_deploy}

    assert of_parts - packed == set()
    assert others == {"headstart/words/commit.json"} | {
        f"{shared}{name}"
        for name in (
            *(f"dashboards/generated/{board['uid']}.json" for board in dashboards()),
            "dashboards/generated/headstart.rules.yml",
            "dashboards/generated/kustomization.yaml",
            "experiment.schema.json",
            "report.schema.json",
        )
    }
    assert {f"{shared}{file}" for file in of_deploy} <= packed
    assert gate.external_attr >> 16 & stat.S_IXOTH


def test_no_package_has_what_an_operator_wrote_beside_the_sources(
    source: Path, tmp_path: Path
) -> None:
    """An inventory and passwords: none of them is in the commit, and `git status` names none."""
    own = ("ansible/inventory.yml", "ansible/site.retry", "compose/.env", "compose/secrets/token")
    beside = checkout(tmp_path / "beside")
    before = git(beside, "status", "--porcelain")
    for name in own:
        file = beside / "deploy" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("ansible_become_password: secret\n")

    with zipfile.ZipFile(build(beside, "wheel", tmp_path)) as archive:
        packed = archive.namelist()
    with tarfile.open(build(beside, "sdist", tmp_path)) as archive:
        packed += archive.getnames()

    assert any(name.endswith("deploy/ansible/inventory.example.yml") for name in packed)
    assert [name for name in packed if name.endswith(own)] == []
    assert git(beside, "status", "--porcelain") == before


def test_the_version_tells_the_commit_of_a_package_and_of_a_checkout(
    source: Path, lean: Installed, tmp_path: Path
) -> None:
    commit = git(source, "rev-parse", "--short=12", "HEAD").strip()
    changed = ", with changes" if git(source, "status", "--porcelain") else ""
    line = f"headstart {VERSION} (commit {commit}{changed})\n"
    of_checkout = subprocess.run([HEADSTART, "-V"], capture_output=True, text=True, check=True)

    # Whose folder is a checkout of something else.
    git(tmp_path, "init", "--quiet")

    assert lean.run("--version", folder=tmp_path).output == line
    assert of_checkout.stdout == line


def test_a_package_of_which_nobody_knows_the_commit_says_so(
    lean: Installed, tmp_path: Path
) -> None:
    kept = lean.site / "headstart/words/commit.json"
    aside = kept.rename(tmp_path / "aside")
    try:
        said = lean.run("--version", folder=tmp_path)
    finally:
        aside.rename(kept)

    assert said.output == f"headstart {VERSION} (commit unknown)\n"


def test_each_command_can_be_had_without_extras_but_those_that_say_which_they_need(
    lean: Installed, tmp_path: Path
) -> None:
    # All in one interpreter: its start and its imports take longer than the rest.
    asks = """
from headstart.cli.main import COMMANDS, cli
from headstart.cli.errors import CommandError
for name in COMMANDS:
    try:
        cli.get_command(None, name)
    except CommandError:
        print(name)
"""
    done = subprocess.run(
        [lean.folder / "bin/python", "-c", asks], capture_output=True, text=True, check=False
    )

    assert done.stderr == ""
    assert set(done.stdout.split()) == NEEDED.keys()


def test_what_lacks_is_to_be_had_from_where_the_package_came_from(
    lean: Installed, wheel: Path, tmp_path: Path
) -> None:
    said = lean.run("collector", folder=tmp_path)

    assert (said.status, said.output) == (3, "")
    assert said.errors.endswith(
        f"not installed: {lean.folder}/bin/python -m pip install "
        f"'headstart[collector] @ file://{wheel}'\n"
    )
    assert said.errors.count("\n") == 1


def test_a_host_without_extras_can_say_what_spoils_measurements_there(
    lean: Installed, tmp_path: Path
) -> None:
    said = lean.run("doctor", folder=tmp_path)

    assert said.errors == ""
    assert re.search(r"^ +ok ", said.output, re.MULTILINE)


def test_the_collectors_extra_alone_runs_an_experiment(
    with_collector: Installed, tmp_path: Path
) -> None:
    port = free_port()
    file = tmp_path / "small.yaml"
    file.write_text(yaml.safe_dump(experiment(port, {"a": app(port), "b": app(port)})))

    ran = with_collector.run("run", str(file), folder=tmp_path)
    page = with_collector.run("report", "--output", "report.html", folder=tmp_path)

    assert (ran.status, page.status) == (0, 0), ran.errors + page.errors
    assert "startup" in ran.output
    assert "<style>" in (tmp_path / "report.html").read_text()


def test_the_schemas_beside_the_package_are_those_that_it_prints(
    with_collector: Installed, tmp_path: Path
) -> None:
    for name, arguments in {"experiment": [], "report": ["report"]}.items():
        kept = with_collector.folder / f"share/headstart/{name}.schema.json"

        assert with_collector.run("schema", *arguments, folder=tmp_path).output == kept.read_text()


def test_the_extra_for_dashboards_alone_writes_them(wheel: Path, tmp_path: Path) -> None:
    installed = install(wheel, tmp_path / "installed", "dashboards")

    boards = installed.run("dashboards", "write", "--output", "written", folder=tmp_path)
    rules = installed.run("rules", "write", "--output", "headstart.rules.yml", folder=tmp_path)

    assert (boards.status, rules.status) == (0, 0), boards.errors + rules.errors
    written = {path.name: path.read_bytes() for path in tmp_path.glob("written/dashboards/*/*")}
    written["headstart.rules.yml"] = (tmp_path / "headstart.rules.yml").read_bytes()
    shared = (installed.folder / "share/headstart/dashboards/generated").iterdir()
    kept = {path.name: path.read_bytes() for path in shared if path.name != "kustomization.yaml"}
    assert written == kept


@pytest.mark.parametrize(
    ("version", "notes"),
    [
        ("0.2.0", "# Headstart 0.2.0\n\n- old\n\n"),
        ("0.3.0", "# Headstart 0.3.0, not released yet\n\n- new\n\n"),
    ],
)
def test_the_notes_are_what_the_changelog_says_of_the_version(version: str, notes: str) -> None:
    changelog = (
        "# Changelog\n\n## [Unreleased]\n\n- new\n\n"
        "## [0.2.0] - 2026-12-01\n\n- old\n\n## [0.1.0]\n\n- first\n"
    )
    made = subprocess.run(
        [ROOT / ".ci/release-notes", version],
        input=changelog,
        capture_output=True,
        text=True,
        check=True,
    )

    assert made.stdout == notes
