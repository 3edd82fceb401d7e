"""HotSpot's performance data: bytes that Java 25 kept, and bytes that are none."""

import random
import struct
from pathlib import Path

import pytest

from headstart.agent.counters.hsperfdata import Malformed, parse
from headstart.agent.counters.jvm import JvmSource, values
from headstart.agent.counters.source import CannotRead, Target
from headstart.agent.deadline import Deadline

DATA = (Path(__file__).parent / "recorded" / "jvm.hsperfdata").read_bytes()


def test_counters_are_numbers_and_texts_by_name() -> None:
    found = parse(DATA)

    assert found["sun.ci.totalCompiles"] == 136
    assert found["java.property.java.version"] == "25.0.2"
    assert found["sun.gc.policy.name"] == "GarbageFirst"


def test_hotspot_s_counters_become_ours_with_ticks_as_seconds() -> None:
    assert values(parse(DATA)) == {
        "methods_jitted": 136,
        "jit_seconds": 0.023567356,
        "jit_input_bytes": 7865,
        "gc_collections": 0,
        "gc_pause_seconds": 0,
        "classes_loaded": 1104,
    }


def test_collections_of_all_collectors_are_summed_and_the_heap_is_told_after_one() -> None:
    found = dict(parse(DATA)) | {
        "sun.gc.collector.0.invocations": 3,
        "sun.gc.collector.1.invocations": 1,
        "sun.gc.collector.0.time": 4_000_000,
    }
    read = values(found)

    assert (read["gc_collections"], read["gc_pause_seconds"]) == (4, 0.004)
    assert read["gc_heap_bytes"] == 2097152


def test_what_a_jvm_does_not_count_is_left_out() -> None:
    assert values({"sun.ci.totalCompiles": 5, "java.ci.totalTime": 7}) == {"methods_jitted": 5}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "does not begin"),
        (b"\0" * 64, "does not begin"),
        (DATA[:5] + b"\x09" + DATA[6:], "version is 9"),
        (DATA[:7] + b"\0" + DATA[8:], "not finished"),
        (DATA[:28] + struct.pack("<i", 10**6) + DATA[32:], "1000000 entries"),
        (DATA[:24] + struct.pack("<i", -8) + DATA[28:], "outside"),
        (DATA[:32] + struct.pack("<i", 0) + DATA[36:], "no size"),
        (DATA[:3000], "entry"),
    ],
)
def test_what_is_no_performance_data_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        parse(data)


def test_bytes_that_were_changed_at_random_are_read_or_refused() -> None:
    draw = random.Random(2)
    for _ in range(300):
        bent = bytearray(DATA)
        for _ in range(draw.randrange(1, 30)):
            bent[draw.randrange(len(bent))] = draw.randrange(256)
        try:
            found = parse(bytes(bent))
        except Malformed:
            continue

        assert len(found) <= 4096


def test_the_file_is_found_by_the_pid_that_the_jvm_has_within_its_container(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "tmp" / "hsperfdata_app"
    folder.mkdir(parents=True)
    (folder / "1").write_bytes(DATA)
    (folder / "77").write_bytes(b"not ours")
    reading = JvmSource().read(Target(tmp_path, 1, "/tmp"), Deadline(15))

    assert reading is not None
    assert reading.runtime == "JVM 25.0.2, performance data"
    assert JvmSource().read(Target(tmp_path, 2, "/tmp"), Deadline(15)) is None
    with pytest.raises(CannotRead, match="does not begin"):
        JvmSource().read(Target(tmp_path, 77, "/tmp"), Deadline(15))
