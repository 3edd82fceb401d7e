"""Patterns of images: which image a pattern fits, and which pattern can never fit any."""

import pytest

from headstart.agent.policy.image_patterns import read_pattern
from headstart.words.foreign.image_reference import MalformedReference, parse_image

SHA = "9f" * 32
OTHER = "ab" * 32


@pytest.mark.parametrize(
    ("pattern", "image", "fits"),
    [
        ("players:*", "players:jit", True),
        ("players:*", "players", True),
        ("players:*", "docker.io/library/players:jit", True),
        ("docker.io/library/players:*", "players:jit", True),
        ("docker.io/players:*", "players:jit", True),
        ("index.docker.io/players:*", "players:jit", True),
        ("library/players:*", "players:jit", True),
        ("players:latest", "players", True),
        ("players", "players:latest", True),
        ("players", "players:jit", False),
        ("players*", "players:jit", True),
        ("players:*", "evil/players:jit", False),
        ("players:*", "squad:jit", False),
        ("*", "evil.example/anything@sha256:" + SHA, True),
        ("*", "sha256:" + SHA, True),
        # '*' fits '/' too, but not the end of a registry.
        ("registry.example/*", "registry.example/team/players:1", True),
        ("registry.example/*", f"registry.example/team/players@sha256:{SHA}", True),
        ("registry.example/*", "registry.example.evil/players:1", False),
        ("registry.example/*", "registry.example:5000/players:1", False),
        ("registry.example:5000/players:*", "registry.example:5000/players", True),
        ("registry.example*", "registry.example.evil/players:1", False),
        ("registry.*/team/*", "registry.example/team/x:1", True),
        ("registry.*/team/*", "registry.example/evil/team/x:1", False),
        ("*.example/team/*", "a.b.example/team/x:1", True),
        # A pattern without a registry is for Docker's own and for what was built here.
        ("players/*", "players/x:1", True),
        ("players/*", "evil.example/players/x:1", False),
        ("p*", "pirate.example/x:1", False),
        ("*/players:*", "team/players:1", True),
        ("*/players:*", "evil.example/players:1", False),
        ("*:*", "evil.example/players:1", False),
        ("localhost/*", "localhost/players:jit", True),
        ("players:*", "localhost/players:jit", False),
        ("[::1]:5000/*", "[::1]:5000/players:jit", True),
        ("[::1]:5000/*", "[::2]:5000/players:jit", False),
        ("[ps]layers:?it", "players:jit", True),
        ("[!p]layers:jit", "players:jit", False),
        # Ids and digests.
        (f"sha256:{SHA}", f"sha256:{SHA}", True),
        (SHA, f"sha256:{SHA}", True),
        ("sha256:9f9f*", f"sha256:{SHA}", True),
        ("sha256:9f9f*", f"sha256:{OTHER}", False),
        (f"sha256:{SHA}", f"players@sha256:{SHA}", True),
        (f"players@sha256:{SHA}", f"players@sha256:{SHA}", True),
        (f"players:jit@sha256:{SHA}", f"players@sha256:{SHA}", True),
        (f"players@sha256:{SHA}", f"players@sha256:{OTHER}", False),
        (f"players@sha256:{SHA}", f"evil/players@sha256:{SHA}", False),
        ("players:*", f"players@sha256:{SHA}", False),
        ("players@*", f"players@sha256:{SHA}", True),
        # A digest says what is run, whatever tag stands before it.
        ("players:jit", f"players:jit@sha256:{SHA}", False),
    ],
)
def test_which_image_a_pattern_fits(pattern: str, image: str, fits: bool) -> None:
    assert read_pattern(pattern).fits(parse_image(image)) is fits


@pytest.mark.parametrize(
    "pattern",
    [
        "players/../*",
        "../players:*",
        "players//x",
        "/players",
        "players/",
        "players:",
        "players:*:*:*",
        "Players:*",
        "registry.example/Team/*",
        "players:a b",
        "players:jit\n",
        "pl\u0430yers:*",
        "players@sha256:9f9f",
        "sha256:9f9f",
        "sha256:9F9f*",
        f"sha256:{SHA[:-1]}",
        f"sha256:{SHA}0",
        "https://registry.example/*",
        "-players:*",
        "[!a-z0-9]layers",
        "a" * 2000,
    ],
)
def test_a_pattern_that_no_image_can_fit_is_refused(pattern: str) -> None:
    with pytest.raises(MalformedReference):
        read_pattern(pattern)


@pytest.mark.parametrize("pattern", ["*", "a*", "*a", "?", "[ab]c:*", "*@*", "a-*", "*/*/*/*/*/*"])
def test_a_pattern_that_something_fits_is_taken(pattern: str) -> None:
    read_pattern(pattern)
