"""Pulls from real registries and from one with faults: each is over, and says what came of it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headstart.agent.cancellation import Cancellation
from headstart.agent.engine.event_stream import EventStream
from headstart.agent.engine.pull_all import Pulled, pull_images
from headstart.agent.engine.pull_engine import LOGIN_VARIABLE, PullBounds
from headstart.agent.instances import RuntimeFault
from headstart.agent.policy.policy import Policy
from headstart.agent.runtimes.docker_runtime import DockerRuntime
from headstart.v1.experiment_pb2 import Pull, Variant
from headstart.v1.records_pb2 import FailureCode, ImagePulled, ResolvedVariant
from support.registries import (
    LOGIN,
    PASSWORD,
    faulty_registry,
    forget,
    holds,
    push_layer,
    registry,
    retag,
)
from support.running import free_port
from support.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.registry]

ROOM = 64 << 20


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with registry(tmp_path_factory.mktemp("hub")) as address:
        yield address


def pulled(
    *images: str,
    bounds: PullBounds | None = None,
    cancelled: Cancellation | None = None,
    records: list[ImagePulled] | None = None,
    said: list[str] | None = None,
) -> Pulled:
    variants = [Variant(name=f"v{number}", image=image) for number, image in enumerate(images)]
    heard = [] if said is None else said
    return pull_images(
        variants,
        Policy(images=("127.0.0.1:*/*",), pull=True),
        (records if records is not None else []).append,
        cancelled or Cancellation(),
        heard.append,
        bounds or PullBounds(ROOM),
    )


def failure(image: str, bounds: PullBounds | None = None) -> str:
    """Why an image was not pulled; nothing of it is in the engine then."""
    (found,) = pulled(image, bounds=bounds).failures.values()
    assert found.code == FailureCode.FAILURE_CODE_PULL
    assert found.message.startswith(f"v0: {image}: ")
    assert not holds(image)
    return found.message


def test_what_is_missing_is_pulled_and_used_by_its_digest(hub: str, tmp_path: Path) -> None:
    name = f"{hub}/team/players:1"
    push_layer(1000, name)
    policy = Policy(images=(f"{hub}/team/*",), pull=True)
    runtime = DockerRuntime.connect(tmp_path, policy)
    variants = [Variant(name=each, image=name) for each in ("jit", "aot")]
    said: list[str] = []
    first: list[ResolvedVariant] = []
    try:
        assert [runtime.pull_refusal(each, Pull.PULL_UNSPECIFIED) for each in variants] == [
            None,
            None,
        ]
        assert (
            runtime.pull(variants, False, lambda _record: None, Cancellation(), said.append) == {}
        )
        first = [runtime.resolve(each, "/") for each in variants]
        # The tag of the engine is another image's by the next look.
        retag(name)
        again = runtime.resolve(variants[0], "/")
    finally:
        runtime.close()
        forget(name, *(each.digest for each in first))

    assert [each.HasField("failure") for each in first] == [False, False]
    assert first[0].digest == first[1].digest == again.digest
    # Once, though two variants name it.
    assert said.count(f"pulling {name}") == 1


def test_the_digest_that_came_is_the_one_that_is_run(hub: str) -> None:
    name = f"{hub}/team/digest:1"
    push_layer(1000, name)
    found = pulled(name)
    forget(name)

    reference, _, digest = found.images["v0"].partition("@")
    assert reference == f"{hub}/team/digest"
    assert digest.startswith("sha256:")
    again = pulled(found.images["v0"])
    forget(found.images["v0"])
    assert again.images == found.images


def test_what_the_registry_does_not_have_is_not_found(hub: str) -> None:
    assert f"there is no such image at {hub} (" in failure(f"{hub}/team/none:1")


def test_a_registry_that_is_away_is_told(hub: str) -> None:
    away = f"127.0.0.1:{free_port()}"

    assert f"{away} is away (" in failure(f"{away}/team/players:1")


def test_a_login_is_refused_and_taken_from_the_environment_or_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with registry(tmp_path, login=True) as hub:
        name = f"{hub}/team/private:1"
        push_layer(1000, name, LOGIN)
        config = json.dumps({"auths": {hub: {"auth": "cGVyZjpwbGF5ZXJz"}}})
        (tmp_path / "config.json").write_text(config)
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "none"))
        refused = failure(name)
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
        by_file = pulled(name)
        forget(name)
        monkeypatch.setenv(LOGIN_VARIABLE, config.replace("cGVyZjpwbGF5ZXJz", "cGVyZjp3cm9uZw=="))
        wrong = failure(name)
        monkeypatch.setenv(LOGIN_VARIABLE, PASSWORD)
        broken = failure(name)
        monkeypatch.setenv(LOGIN_VARIABLE, "[" * 100_000)
        endless = failure(name)
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "none"))
        monkeypatch.setenv(LOGIN_VARIABLE, config)
        by_environment = pulled(name)
        forget(name)

    assert f"{hub} refused the login" in refused
    assert f"{hub} refused the login" in wrong
    assert f"{LOGIN_VARIABLE} is no Docker configuration" in broken
    assert f"{LOGIN_VARIABLE} is no Docker configuration" in endless
    assert not any(PASSWORD in words for words in (refused, wrong, broken))
    assert set(by_file.images) == set(by_environment.images) == {"v0"}


def test_an_image_that_is_too_large_is_stopped_and_nothing_of_it_stays(hub: str) -> None:
    name = f"{hub}/team/large:1"
    push_layer(3 << 20, name)

    assert "too large: at least 3.1 MB" in failure(name, PullBounds(2 << 20))


def test_what_does_not_move_is_stopped() -> None:
    with faulty_registry("stalls") as (hub, behind):
        found = failure(f"{hub}/team/slow:1", PullBounds(ROOM, stall_seconds=0.5))
        assert behind.stalled.is_set()
        # What comes now is for nobody.
        behind.release.set()
        wait_until(behind.finished.is_set)
        behind.fault = ""
        assert pulled(f"{hub}/team/next:1").failures == {}
        forget(f"{hub}/team/next:1")
        assert not holds(f"{hub}/team/slow:1")

    assert "no progress for 0.5 s" in found


def test_what_takes_too_long_is_stopped() -> None:
    with faulty_registry("stalls") as (hub, _):
        bounds = PullBounds(ROOM, stall_seconds=60, overall_seconds=0.5)
        found = failure(f"{hub}/team/long:1", bounds)

    assert "more than 0.5 s" in found


def test_a_registry_that_breaks_off_again_and_again_makes_no_progress() -> None:
    with faulty_registry("breaks") as (hub, _):
        found = failure(f"{hub}/team/breaks:1", PullBounds(ROOM, stall_seconds=2))

    assert "no progress for 2 s" in found or "is away" in found


def test_an_image_for_other_platforms_is_told() -> None:
    with faulty_registry("list") as (hub, _):
        found = failure(f"{hub}/team/arm:1")

    assert "for other platforms only, not for linux/" in found


def test_an_image_that_claims_no_list_and_is_for_another_platform_is_told(tmp_path: Path) -> None:
    with faulty_registry("arm") as (hub, _):
        name = f"{hub}/team/arm:1"
        runtime = DockerRuntime.connect(tmp_path, Policy(images=(f"{hub}/*",), pull=True))
        variant = Variant(name="arm", image=name)
        try:
            runtime.pull(
                [variant], False, lambda _record: None, Cancellation(), lambda _words: None
            )
            resolved = runtime.resolve(variant, "/")
        finally:
            runtime.close()
            forget(name)

    assert resolved.failure.code == FailureCode.FAILURE_CODE_PULL
    assert "is for linux/arm64" in resolved.failure.message


def test_a_registry_out_of_order_is_told() -> None:
    with faulty_registry("error") as (hub, _):
        assert f"{hub} is away (" in failure(f"{hub}/team/players:1")


def test_a_pull_ends_with_its_run() -> None:
    cancelled = Cancellation()
    with faulty_registry("stalls") as (hub, _):
        variants = [Variant(name="a", image=f"{hub}/team/cancelled:1")]

        def hear(words: str) -> None:
            if "in sight" in words:
                cancelled.set()

        found = pull_images(
            variants, Policy(), lambda _record: None, cancelled, hear, PullBounds(ROOM)
        )

        assert found.failures["a"].code == FailureCode.FAILURE_CODE_CANCELLED
        assert not holds(variants[0].image)


def test_a_layer_that_unpacks_to_a_hundred_times_its_size_fills_no_disk() -> None:
    with faulty_registry("bomb", 4 << 20) as (hub, _):
        words = failure(f"{hub}/team/bomb:1", PullBounds(ROOM, disk_bytes=64 << 20))

    assert "it fills the disk of the engine" in words


def test_a_cancellation_that_the_engine_call_sees_first_is_none_of_the_engines_faults() -> None:
    cancelled = Cancellation()

    def begin() -> Iterator[dict[str, Any]]:
        cancelled.set()
        cancelled.raise_if_set()
        yield {}

    stream = EventStream("pull", begin, lambda: None)
    with pytest.raises(RuntimeFault) as fault:
        stream.next(10)
    stream.close()

    assert fault.value.code == FailureCode.FAILURE_CODE_CANCELLED


def test_what_failed_does_not_keep_others_from_being_pulled(hub: str) -> None:
    name = f"{hub}/team/good:1"
    push_layer(1000, name)
    found = pulled(f"{hub}/team/none:1", name)
    forget(name)

    assert (list(found.failures), list(found.images)) == (["v0"], ["v1"])


def test_what_a_pull_took_is_recorded_apart(hub: str) -> None:
    name = f"{hub}/team/recorded:1"
    push_layer(100_000, name)
    records: list[ImagePulled] = []
    pulled(name, name, records=records)
    pulled(name, records=records)
    forget(name)
    cold, warm = records

    assert list(cold.variants) == ["v0", "v1"]
    assert (cold.reference, cold.digest[:7]) == (name, "sha256:")
    assert cold.duration_seconds > 0
    assert (cold.layers, cold.layers_present, cold.layers_of_unknown_size) == (1, 0, 0)
    # Random bytes and a tar's blocks around them.
    assert 1.0 < cold.transferred_bytes / 100_000 < 1.1
    # It was here, all of it: nothing is said of its layers.
    assert (warm.layers, warm.transferred_bytes) == (0, 0)
