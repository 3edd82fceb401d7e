"""The API with PostgreSQL beside it: its images, and the experiment."""

import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from headstart.words import metrics
from support import api_with_postgres as example
from support.engines import held
from support.running import left_behind, run

pytestmark = [pytest.mark.alone, pytest.mark.docker, pytest.mark.examples]


@pytest.fixture(scope="module", autouse=True)
def _images() -> None:
    example.have_images()


@pytest.fixture
def start() -> Iterator[Callable[..., Any]]:
    with example.containers() as starter:
        yield starter


@pytest.mark.parametrize("image", [example.JIT, example.AOT])
def test_the_api_keeps_its_contract_with_a_database_beside_it(
    image: str, start: Callable[..., Any]
) -> None:
    database = example.database(start)
    example.sql(database, example.table())
    example.api(start, image, database)

    tested = example.tested(start, database)

    assert tested.status == 0, tested.output
    assert tested.tests == dict.fromkeys(example.CONTRACT)
    # What was posted is in the table, not in the app.
    assert example.sql(database, "SELECT count(*), max(goals) FROM players") == "101|39\n"


def test_the_experiment_measures_both_beside_a_database_and_leaves_nothing(tmp_path: Path) -> None:
    ran = run(tmp_path, example.short_experiment())
    report = ran.report()

    assert ran.status == 0, ran.errors
    assert {v["variant"]: v["outcome"] for v in report["variants"]} == {
        "jit": "measured",
        "aot-cache": "measured",
    }
    assert [(v["checks_passed"], v["checks_failed"]) for v in report["variants"]] == [(9, 0)] * 2
    example.assert_tested_in_every_trial(tmp_path / "data/collector", report["run_id"], trials=6)
    database = next(each for each in report["companions"] if each["name"] == "db")
    assert (database["starts"], database["failure_message"]) == (6, "")
    assert {each["variant"] for each in database["took"]} == {"jit", "aot-cache"}
    startup_cpu = next(c for c in report["comparisons"] if c["metric"] == metrics.STARTUP_CPU.name)
    assert startup_cpu["interval"]["high"] < 1
    assert left_behind(tmp_path) == []
    assert [name for name in held()["containers"] if report["run_id"] in name] == []


def test_the_report_names_the_test_that_fails(tmp_path: Path) -> None:
    content = example.short_experiment(blocks=1)
    # The HTTP checks and all other tests hold.
    content["beside"]["db"]["seed"]["input"] += "UPDATE players SET goals = 99 WHERE id = 3;"
    ran = run(tmp_path, content)

    assert [v["outcome"] for v in ran.report()["variants"]] == ["checks fail"] * 2
    for told in ran.report()["cases"]:
        (failing,) = told["cases"]
        assert (told["passed"], told["failed"]) == (5, 1)
        assert failing["test"] == "Contract.a player is found by number"
        assert '"goals":99' in failing["message"]


def test_the_tests_name_what_fails(start: Callable[..., Any]) -> None:
    database = example.database(start)
    example.sql(database, example.table())
    example.sql(database, "UPDATE players SET goals = 99 WHERE id = 3")
    example.api(start, example.JIT, database)

    tested = example.tested(start, database)

    failed = {name: why for name, why in tested.tests.items() if why is not None}
    assert tested.status == 1
    assert failed == {
        "a player is found by number": 'status 200: {"id":3,"name":"Player 3","goals":99}'
    }


def test_health_asks_the_database(start: Callable[..., Any]) -> None:
    database = example.database(start)
    example.api(start, example.JIT, database)

    # There is no table.
    tested = example.tested(start, database)

    assert tested.tests["the database is reached"] == (
        'status 503: {"error":"the database failed"}'
    )


def test_an_api_without_its_database_ends_and_says_so(start: Callable[..., Any]) -> None:
    database = example.database(start)

    ended = example.api(start, example.JIT, database, DATABASE_PORT="5433")

    assert ended.wait()["StatusCode"] == 1
    assert b"no connection to jdbc:postgresql://db:5433/postgres" in ended.logs()


def test_an_aot_cache_that_cannot_be_used_is_no_silent_jit(start: Callable[..., Any]) -> None:
    database = example.database(start)

    # With these objects the classes of the cache are laid out in another way.
    other = {"JAVA_TOOL_OPTIONS": "-XX:+UseCompactObjectHeaders"}
    ended = example.api(start, example.AOT, database, **other)

    assert ended.wait()["StatusCode"] == 1
    assert b"Unable to use AOT cache" in ended.logs()


def test_the_database_is_no_root_and_asks_for_a_password(start: Callable[..., Any]) -> None:
    database = example.database(start)

    over_tcp = ["psql", "-w", "-h", "127.0.0.1", "-c", "SELECT 1"]
    refused = database.exec_run(over_tcp)
    taken = database.exec_run(over_tcp, environment={"PGPASSWORD": "example-only"})

    assert refused.exit_code == 2
    assert b"no password supplied" in refused.output
    assert taken.exit_code == 0, taken.output
    assert docker.from_env().images.get(example.POSTGRES).attrs["Config"]["User"] == "65532:65532"


def test_the_jar_is_of_its_sources(tmp_path: Path) -> None:
    if shutil.which("javac") is None:
        pytest.skip("not installed: javac")
    version = subprocess.run(["javac", "-version"], capture_output=True, text=True, check=True)
    if not version.stdout.startswith("javac 17."):
        pytest.skip(f"the jar was made by javac 17, this is {version.stdout.strip()}")
    sources = sorted((example.EXAMPLE / "src").glob("*.java"))
    compiler: list[str | Path] = [
        "javac",
        "--release",
        "17",
        "-Xlint:all",
        "-Werror",
        "-d",
        tmp_path,
    ]
    subprocess.run([*compiler, *sources], check=True)

    with zipfile.ZipFile(example.EXAMPLE / "app.jar") as jar:
        packed = {name: jar.read(name) for name in jar.namelist() if name.endswith(".class")}

    assert packed == {file.name: file.read_bytes() for file in tmp_path.glob("*.class")}
