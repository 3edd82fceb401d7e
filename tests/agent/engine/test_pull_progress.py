"""What an engine's events say of a pull, whatever is in them."""

import pytest

from headstart.agent.engine.pull_progress import PullProgress
from headstart.agent.engine.pull_reasons import reason_of
from headstart.v1.records_pb2 import ImagePulled
from headstart.words.foreign.image_reference import parse_image

IMAGE = parse_image("hub.example/team/players:1")


def event(status: str, layer: str = "a", current: int = 0, total: int = 0) -> dict[str, object]:
    return {"status": status, "id": layer, "progressDetail": {"current": current, "total": total}}


def test_layers_are_told_apart_by_whether_they_were_here() -> None:
    progress = PullProgress()
    for each in (
        event("Pulling from team/players", "1"),
        event("Already exists", "a"),
        event("Pulling fs layer", "b"),
        event("Pulling fs layer", "c"),
        event("Downloading", "b", 10, 100),
        # A small layer may be there before anybody looked.
        event("Extracting", "c", 5, 5),
        {"status": f"Digest: sha256:{'d' * 64}"},
        {"status": "Status: Downloaded newer image for hub.example/team/players:1"},
    ):
        progress.take(each)

    assert (progress.layers, progress.layers_present) == (3, 1)
    assert progress.transferred_bytes == 105
    assert progress.layers_of_unknown_size == 0
    assert progress.digest == f"sha256:{'d' * 64}"


def test_a_layer_that_is_begun_again_does_not_move() -> None:
    progress = PullProgress()
    moved = [
        progress.take(each)
        for each in (
            event("Pulling fs layer"),
            event("Downloading", current=50, total=100),
            event("Retrying in 5 seconds"),
            event("Downloading", current=20, total=100),
            event("Downloading", current=50, total=100),
            event("Downloading", current=51, total=100),
            event("Pull complete"),
        )
    ]

    assert moved == [True, True, False, False, False, True, True]


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"status": 5, "id": []},
        {"status": "Downloading", "id": "a", "progressDetail": "half"},
        {"status": "Downloading", "id": "a", "progressDetail": {"current": -5, "total": "all"}},
        {"status": "Digest: sha256:0"},
    ],
)
def test_odd_events_say_nothing(odd: dict[str, object]) -> None:
    progress = PullProgress()
    progress.take(odd)

    assert (progress.transferred_bytes, progress.digest, progress.error) == (0, "", "")


def test_sizes_without_end_fit_into_a_record() -> None:
    progress = PullProgress()
    for number in range(10_000):
        progress.take(event("Downloading", str(number), 1, 1 << 70))

    assert ImagePulled(transferred_bytes=progress.transferred_bytes).transferred_bytes < 1 << 62
    assert progress.layers < 10_000


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        (
            "pull access denied for x, repository does not exist or may require 'docker login'",
            "there is no such image at hub.example, or hub.example refused the login",
        ),
        ("manifest for x:1 not found: manifest unknown", "there is no such image at hub.example"),
        ("unauthorized: authentication required", "hub.example refused the login"),
        (
            "no matching manifest for linux/amd64 in",
            "for other platforms only, not for linux/amd64",
        ),
        ("dial tcp 10.0.0.1:443: i/o timeout", "hub.example is away"),
        ("dial tcp: lookup hub.example: no such host", "hub.example is away"),
        ("toomanyrequests: You have reached", "hub.example allows no more pulls for now"),
        ("write /var/lib/x: no space left on device", "the disk of the engine is full"),
        ("x509: certificate signed by unknown authority", "hub.example cannot be trusted"),
        ("layers from manifest don't match", "the engine could not pull it"),
        # What the image is called is no reason.
        ("timeout/denied: odd", "the engine could not pull it"),
    ],
)
def test_the_engines_words_are_told_with_what_they_mean(words: str, meaning: str) -> None:
    image = parse_image("hub.example/timeout/denied:1") if "odd" in words else IMAGE
    said = reason_of(words, image, "linux/amd64")

    assert meaning in said
    assert said.endswith(f"({words})")
    assert len(reason_of("x" * 10_000, IMAGE, "linux/amd64")) < 600


def test_a_short_name_of_an_image_takes_no_letters_from_the_engines_words() -> None:
    said = reason_of("unauthorized: denied", parse_image("hub.example/e:1"), "linux/amd64")

    assert "hub.example refused the login" in said


def test_words_without_end_are_read_to_a_bound() -> None:
    """Read whole, they keep an agent busy for hours: the time grows with their square."""
    said = reason_of("manifest for " * 1_000_000, IMAGE, "linux/amd64")

    assert "the engine could not pull it" in said
