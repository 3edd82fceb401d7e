"""What is a socket, what is this machine's own, and how long a path may be."""

from pathlib import Path

import pytest

from headstart.words.foreign.addresses import (
    channel_options,
    fits,
    is_loopback,
    socket_path,
    unix_address,
)


@pytest.mark.parametrize("address", ["unix:/run/x.sock", "unix:///run/x.sock"])
def test_both_spellings_of_a_socket_are_the_same_path(address: str) -> None:
    assert socket_path(address) == Path("/run/x.sock")


def test_a_relative_socket_is_below_the_working_directory() -> None:
    assert socket_path("unix:x.sock") == Path.cwd() / "x.sock"


@pytest.mark.parametrize("address", ["127.0.0.1:7070", "unix-abstract:x", "collector:7070"])
def test_other_addresses_have_no_path(address: str) -> None:
    assert socket_path(address) is None


def test_a_path_of_107_bytes_fits_and_of_108_does_not() -> None:
    longest = Path("/" + "x" * 106)

    assert unix_address(longest) == f"unix:{longest}"
    assert not fits(longest.with_name("x" * 107))
    with pytest.raises(ValueError, match="108 bytes, at most 107"):
        unix_address(longest.with_name("x" * 107))
    # Bytes count, not characters.
    assert not fits(Path("/" + "\N{GREEK SMALL LETTER ALPHA}" * 54))


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("127.0.0.1:1", True),
        ("127.9.9.9:1", True),
        ("localhost:1", True),
        ("[::1]:1", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("192.0.2.1:1", False),
        ("localhost.example:1", False),
    ],
)
def test_loopback_is_told_from_what_others_reach(address: str, loopback: bool) -> None:
    assert is_loopback(address) is loopback


@pytest.mark.parametrize("address", ["unix:/run/x.sock", "127.0.0.1:7070", "localhost:7070"])
def test_what_is_local_is_not_asked_for_at_a_proxy(address: str) -> None:
    assert channel_options(address) == [("grpc.enable_http_proxy", 0)]


def test_other_machines_are_asked_for_at_the_proxy_that_was_named_for_it_alone() -> None:
    proxy = "http://proxy.example:3128"
    assert channel_options("collector.example:7070") == [("grpc.enable_http_proxy", 0)]
    assert channel_options("collector.example:7070", proxy) == [("grpc.http_proxy", proxy)]
    for own in ("127.0.0.1:7070", "ipv4:127.0.0.1:7070", "dns:///localhost:7070", "[::1%lo]:7070"):
        assert channel_options(own, proxy) == [("grpc.enable_http_proxy", 0)]
    assert channel_options("dns:c.example:7070", proxy) == [("grpc.http_proxy", proxy)]
