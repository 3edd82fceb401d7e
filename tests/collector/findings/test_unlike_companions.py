"""A changed companion is said wherever two runs are set against each other."""

import hashlib
from dataclasses import replace

import pytest

from headstart.collector.analysis.across.several_hosts import across_hosts
from headstart.collector.analysis.across.two_runs import compare_runs
from headstart.collector.analysis.analyse import analyse_run
from headstart.collector.findings import Companion, RunResult
from headstart.collector.findings.comparability import limits_of, setup_of
from headstart.collector.findings.unlike_companions import (
    settings_beside,
    settings_digest,
    unlike_companions,
)
from support.beside_runs import BesideFake, beside_result
from support.fake_runs import small

TEXT = """
experiment: players-api
beside:
  db:
    image: postgres:17
    env: {POSTGRES_PASSWORD: "[masked 1]", MODE: fast}
    seed: {command: [psql], input: "CREATE TABLE a (id int)"}
  cache: {image: redis:8}
"""


def run(text: str = TEXT) -> RunResult:
    fake = BesideFake()
    info = fake.info()
    info.experiment.source_text = text
    return analyse_run(info, fake.records())


def with_db(result: RunResult, **changed: str) -> RunResult:
    companions = tuple(
        replace(each, **changed) if each.name == "db" else each  # type: ignore[arg-type]
        for each in result.companions
    )
    return replace(result, companions=companions)


def said(before: RunResult, after: RunResult) -> list[str]:
    return [flag for flag in compare_runs(before, after).flags if "beside the app" in flag]


def test_the_same_beside_the_app_is_not_spoken_of() -> None:
    assert said(run(), run(TEXT.replace("[masked 1]", "[masked 7]"))) == []
    assert setup_of(run(), under_load=True) == setup_of(run(TEXT + "# more\n"), under_load=True)


def test_another_image_of_it_is_said_and_makes_another_series() -> None:
    before, after = run(), with_db(run(), digest="sha256:" + "f" * 64)

    image, doing = said(before, after)

    assert image == (
        "db beside the app was another image (sha256:db; sha256:ffffffffffff): the difference may "
        "come from there."
    )
    assert doing.endswith("is the host's doing, or that of what stands beside the app.")
    assert setup_of(before, under_load=False) != setup_of(after, under_load=False)


@pytest.mark.parametrize(
    ("was", "now", "keys"),
    [
        ("id int", "id int, name text", "seed"),
        ("MODE: fast", "MODE: safe", "env"),
        ("seed:", "memory: 1GiB\n    seed:", "memory"),
    ],
)
def test_other_settings_of_it_are_said_by_their_keys(was: str, now: str, keys: str) -> None:
    before, after = run(), run(TEXT.replace(was, now))

    assert said(before, after)[0] == (
        f"db beside the app was run with other settings ({keys}): the difference may come from "
        "there."
    )
    assert setup_of(before, under_load=False) != setup_of(after, under_load=False)


def test_one_that_stands_in_one_run_alone_is_said() -> None:
    after = replace(beside_result(), companions=beside_result().companions[:1])

    assert list(unlike_companions(beside_result(), after)) == [
        f"cache stood beside the app in run {beside_result().run_id} alone"
    ]
    assert list(unlike_companions(after, replace(beside_result(), run_id="later"))) == [
        "cache stood beside the app in run later alone"
    ]


def test_hosts_with_another_image_of_it_are_said() -> None:
    other = with_db(run(), digest="sha256:other")
    other = replace(other, host=replace(other.host, name="beta", fingerprint="0000"))
    flags = across_hosts([run(), other]).flags

    assert any(
        "db beside the app is not the same program everywhere: sha256:db on" in f for f in flags
    )


def test_series_of_apps_without_companions_go_on() -> None:
    result = small(blocks=5).result()
    facts = [*limits_of(result), ""]

    assert (
        setup_of(result, under_load=False)
        == (hashlib.sha256("\0".join(facts).encode()).hexdigest()[:12])
    )


def test_a_text_that_is_no_file_has_no_settings() -> None:
    assert settings_beside("beside: [") == settings_beside("beside: 3") == settings_beside("") == {}
    assert settings_digest({"a": 1, "b": 2}) == settings_digest({"b": 2, "a": 1})
    assert Companion.__dataclass_fields__["settings"].default == ""
