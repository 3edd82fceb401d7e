"""The logs of builds, as text."""

import pytest
import zstandard

from headstart.collector.judge import build_logs as logs
from headstart.collector.judge.build_logs import build_logs
from support.fake_builds import build, failed_build


def test_each_log_stands_under_the_name_of_its_build() -> None:
    first, failed = build("jit", 4.75), failed_build("aot")
    first.log = zstandard.compress(b"    0.012 Step 1/2\n")
    failed.log = zstandard.compress(b"    0.034 error\n")

    assert build_logs([first, failed]).decode() == (
        "=== jit: clean build 1, 4.8 s, classic, sha256:jit1\n"
        "    0.012 Step 1/2\n"
        "\n"
        "=== aot: clean build 1, 11.0 s, classic, failed\n"
        "    0.034 error\n"
    )


def test_a_log_that_is_none_and_a_bomb_do_no_harm() -> None:
    broken, bomb = build("jit"), build("aot")
    broken.log = b"no zstd"
    bomb.log = zstandard.compress(bytes(200 << 20))
    text = build_logs([broken, bomb])

    assert b"can't be read" in text
    assert len(text) < 10 << 20


def test_very_many_logs_are_cut_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_MAXIMUM_TOTAL_BYTES", 128 << 10)
    outcomes = [build(f"v{number}") for number in range(20)]
    for outcome in outcomes:
        outcome.log = zstandard.compress(b"x" * (8 << 10))
    text = build_logs(outcomes)

    assert len(text) < 137 << 10
    assert text.count(b"=== v") == 20
    assert text.count(b"(left out: ") == 4


def test_a_run_without_builds_says_so() -> None:
    assert build_logs([]) == b"This run has no builds.\n"
