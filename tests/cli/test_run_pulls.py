"""`headstart run` of images that are not here: pulled where the file says so, else as ever."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.images import build_app, image_of
from support.registries import forget, holds, id_of, push, registry, retag
from support.running import headstart, run

pytestmark = [pytest.mark.docker, pytest.mark.registry, pytest.mark.compiler]


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Two images that a registry has and the engine has not."""
    program = build_app(tmp_path_factory.mktemp("app"))
    with registry(tmp_path_factory.mktemp("hub")) as hub:
        found = f"{hub}/team/app:a", f"{hub}/team/app:b"
        local = f"headstart-test-pull:{os.getpid()}"
        with image_of(program, local, ['ENTRYPOINT ["/bin/app"]']) as app:
            for name in found:
                push(app, name)
        yield found
        forget(*found)


def asked(*images: str, **plan: Any) -> dict[str, Any]:
    return {
        "experiment": "pulls",
        "baseline": "v0",
        "variants": {f"v{number}": {"image": image} for number, image in enumerate(images)},
        "service": {"ready": {"command": ["out=program"], "output": "program"}},
        "plan": {"blocks": 1, "quiet": "0s", **plan},
    }


def test_a_run_pulls_what_is_missing_and_measures_it(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    ran = run(tmp_path, asked(*names, pull="missing"))
    here = [holds(name) for name in names]
    forget(*names)

    assert [each["outcome"] for each in ran.report()["variants"]] == ["measured", "measured"]
    assert here == [True, True]
    # Both names mean one image: the second pull finds it here.
    assert ran.output.count("was pulled before the first trial") == 1
    assert ran.output.count("the engine held all of") == 1
    figures = {each["metric"]: each["variant"] for each in ran.report()["figures"]}
    assert figures["pull_seconds"] == figures["pull_transferred_bytes"] == "v0"
    assert f"the engine does not hold image {names[0]}; the run pulls it" in ran.errors


def test_always_measures_what_the_registry_has_and_gives_the_name_back(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    # What is here under that name does not even start.
    retag(names[0])
    before = id_of(names[0])
    plan = {"pull": "always", "remove_pulled": True}
    ran = run(tmp_path, asked(*names, **plan))
    after = id_of(names[0])
    forget(*names)

    assert [each["outcome"] for each in ran.report()["variants"]] == ["measured", "measured"]
    assert f"may hold an older image {names[0]}" in ran.errors or "does not hold" in ran.errors
    assert after == before


def test_what_a_run_pulled_is_removed_where_the_file_says_so(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    ran = run(tmp_path, asked(*names, pull="missing", remove_pulled=True))

    assert [each["outcome"] for each in ran.report()["variants"]] == ["measured", "measured"]
    assert [holds(name) for name in names] == [False, False]


@pytest.mark.parametrize("plan", [{}, {"pull": "never"}])
def test_a_run_that_was_not_asked_to_pulls_nothing(
    tmp_path: Path, names: tuple[str, str], plan: dict[str, str]
) -> None:
    ran = run(tmp_path, asked(*names, **plan))

    assert ran.status == 2
    assert f"docker pull {names[0]}" in ran.errors
    assert ("pull: never" if plan else "pull: missing") in ran.errors
    assert not holds(names[0])


def test_what_cannot_be_pulled_is_told_and_nothing_is_measured(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    gone = names[1].replace("app:b", "none:b")
    ran = run(tmp_path, asked(names[0], gone, pull="missing"))
    forget(names[0])

    variant = ran.variant("v1")
    assert variant["outcome"] == "image not pulled"
    assert "there is no such image at" in ran.output
    assert ran.variant("v0")["outcome"] == "not run"


def test_check_says_what_would_be_pulled_and_pulls_nothing(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    file = tmp_path / "experiment.yaml"
    file.write_text(str(asked(*names, pull="missing")))
    checked = headstart("check", file)

    assert checked.status == 0
    assert checked.output.count("the run pulls it") == 2
    assert not holds(names[0])
