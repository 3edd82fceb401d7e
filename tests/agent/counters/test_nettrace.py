"""The parser of nettrace on bytes that .NET 10 sent, whole, cut, bent and hostile."""

import random
import struct
from pathlib import Path

import pytest

from headstart.agent.counters.dotnet import counter_values, meter_values
from headstart.agent.counters.nettrace import Malformed, events

RECORDED = Path(__file__).parent / "recorded"
METERS = (RECORDED / "meters.nettrace").read_bytes()
EVENT_COUNTERS = (RECORDED / "event-counters.nettrace").read_bytes()
HEADER = b"Nettrace\x14\x00\x00\x00!FastSerialization.1"


def test_events_bear_their_fields_by_name() -> None:
    published = [e for e in events(METERS) if e.name == "CounterRateValuePublished"]
    methods = next(
        e for e in published if e.fields["instrumentName"] == "dotnet.jit.compiled_methods"
    )

    assert methods.provider == "System.Diagnostics.Metrics"
    assert methods.fields["meterName"] == "System.Runtime"
    assert methods.fields["value"] == "670"


def test_fields_of_nested_objects_are_read_too() -> None:
    counter = next(e for e in events(EVENT_COUNTERS) if e.fields.get("Name") == "assembly-count")

    assert counter.fields["Mean"] == 80.0
    assert counter.fields["CounterType"] == "Mean"


def test_meters_tell_totals_since_the_start_and_leave_out_a_heap_never_collected() -> None:
    assert meter_values(METERS) == {
        "methods_jitted": 670,
        "jit_seconds": 0.3142038,
        "jit_input_bytes": 48824,
        "gc_collections": 0,
        "gc_pause_seconds": 0,
        "allocated_bytes": 1326400,
        "assemblies_loaded": 80,
    }


def test_older_runtimes_tell_what_their_event_counters_know() -> None:
    assert counter_values(EVENT_COUNTERS) == {
        "methods_jitted": 580,
        "jit_input_bytes": 40712,
        "gc_heap_bytes": pytest.approx(1010296),
        "assemblies_loaded": 80,
    }


def test_a_collection_that_is_not_complete_is_none() -> None:
    end = METERS.rindex("dotnet.jit.compiled_methods".encode("utf-16-le"))

    assert meter_values(METERS[:end]) == {}
    assert meter_values(b"") == {}


def test_a_stream_that_was_cut_anywhere_gives_the_events_before() -> None:
    whole = list(events(METERS))
    for end in range(len(HEADER), len(METERS), 97):
        found = list(events(METERS[:end]))

        assert found == whole[: len(found)]


@pytest.mark.parametrize(
    "stream",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        HEADER + b"\x07",
        HEADER + b"\x05\x05\x01" + bytes(8) + struct.pack("<i", 4) + b"Evil\x06",
    ],
)
def test_what_is_no_nettrace_stream_is_said_to_be_none(stream: bytes) -> None:
    with pytest.raises(Malformed):
        list(events(stream))


def test_announced_sizes_that_are_not_there_end_the_stream() -> None:
    for size in (-1, -(2**31), 2**31 - 1):
        block = b"\x05\x05\x01" + bytes(8) + struct.pack("<i", 10) + b"EventBlock\x06"

        assert list(events(HEADER + block + struct.pack("<i", size))) == []


def test_bytes_that_were_changed_at_random_are_read_or_refused() -> None:
    draw = random.Random(1)
    for _ in range(300):
        bent = bytearray(METERS[:9000])
        for _ in range(draw.randrange(1, 20)):
            bent[draw.randrange(len(bent))] = draw.randrange(256)
        try:
            found = list(events(bytes(bent)))
        except Malformed:
            continue

        assert len(found) < 1000
