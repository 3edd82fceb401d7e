"""How gRPC is told to wait for connections, by its release."""

import os

import pytest

from headstart.cli import grpc_polling


@pytest.mark.parametrize(
    ("release", "already", "expected"),
    [
        ("1.85.3", None, "-event_engine_listener"),
        ("1.85.3", "something", "something"),
        # Names of experiments come and go, and one that is unknown is told on standard error.
        ("1.86.0", None, None),
        ("2.0.0", None, None),
    ],
)
def test_one_thread_reads_with_the_releases_that_were_measured(
    monkeypatch: pytest.MonkeyPatch, release: str, already: str | None, expected: str | None
) -> None:
    monkeypatch.setattr(grpc_polling, "version", lambda _name: release)
    monkeypatch.delenv("GRPC_EXPERIMENTS", raising=False)
    if already is not None:
        monkeypatch.setenv("GRPC_EXPERIMENTS", already)

    grpc_polling.read_by_one_thread()

    assert os.environ.get("GRPC_EXPERIMENTS") == expected
