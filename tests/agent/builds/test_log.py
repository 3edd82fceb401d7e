"""A build's log is kept whole, or its beginning and its end with a mark between."""

import random

import zstandard

from headstart.agent.builds.log import BuildLog


def text_of(packed: bytes) -> str:
    return zstandard.decompress(packed).decode()


def test_each_line_has_the_second_of_its_arrival() -> None:
    log = BuildLog()
    log.add(0.0123, "Step 1/2")
    log.add(65.5, "schön\udcff")
    packed, cut = log.packed()

    assert text_of(packed) == "    0.012 Step 1/2\n   65.500 schön?\n"
    assert not cut
    assert log.bytes == len(text_of(packed).encode())


def test_of_a_log_that_is_too_long_both_ends_stay() -> None:
    log = BuildLog(limit_bytes=1000)
    for number in range(1000):
        log.add(number, f"line {number}")
    packed, cut = log.packed()
    lines = text_of(packed).splitlines()
    kept = [line for line in lines if "left out" not in line]
    (mark,) = [line for line in lines if "left out" in line]

    assert cut
    assert lines[0].endswith("line 0")
    assert lines[-1].endswith("line 999")
    assert f" {1000 - len(kept)} lines were left out" in mark
    assert log.bytes > 17_000


def test_a_log_that_does_not_shrink_is_cut_to_what_a_record_carries() -> None:
    log = BuildLog()
    noise = random.Random(1)
    for number in range(400):
        log.add(number, noise.randbytes(1000).hex())
    packed, cut = log.packed(limit_bytes=64 << 10)

    assert cut
    assert len(packed) <= 64 << 10
    assert "many lines were left out" in text_of(packed)
    assert text_of(packed).startswith("    0.000 ")
