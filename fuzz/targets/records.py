"""What agents send, and the reports that commands read from files."""

import io
import json
import zlib
from collections.abc import Iterator
from functools import cache
from typing import Any

from google.protobuf.message import DecodeError
from rich.console import Console

from fuzz.target import CORPUS, Table, require
from headstart.collector.analysis.statistics.histogram import (
    MalformedHistogram,
    counts_of,
    quantiles_seconds,
)
from headstart.collector.analysis.trials.columns import MalformedBatch
from headstart.collector.analysis.trials.samples import Samples
from headstart.collector.config import Limits
from headstart.collector.findings.json import UnreadableResult, from_json, to_json
from headstart.collector.fleet.ingest import check_envelope, opened
from headstart.collector.fleet.refused import Refused
from headstart.collector.judge.build_logs import build_logs
from headstart.collector.report.formats.gate import gate_markdown, junit_xml
from headstart.collector.report.formats.markdown import render_markdown
from headstart.collector.report.formats.terminal_report import print_result
from headstart.collector.store.decode import RecordDecodeError, decode_payload
from headstart.collector.store.record_bounds import Bounds, Unbelievable
from headstart.v1.records_pb2 import (
    BuildOutcome,
    Encoding,
    Envelope,
    Histogram,
    Quantity,
    SampleBatch,
)
from headstart.words import metrics

TABLE = Table()
_BOUNDS = Bounds("bench-1", frozenset({"jit", "aot"}), 30, 60, 60_000_000)


@TABLE.add("an agent", DecodeError, Refused, Unbelievable)
def envelope(data: bytes) -> None:
    """The header by itself; then what it holds, as the door opens it."""
    found = Envelope.FromString(data)
    check_envelope(found, Limits())
    opened(found, _BOUNDS)


@TABLE.add("an agent", RecordDecodeError)
def packed_record(data: bytes) -> None:
    """A payload of which the header says the truth about length and checksum."""
    packed, size, payload = data[:1] > b"\0", int.from_bytes(data[1:4], "little"), data[4:]
    encoding = Encoding.ENCODING_ZSTD if packed else Encoding.ENCODING_PLAIN
    decode_payload(payload, encoding, size, zlib.crc32(payload))


@TABLE.add("an agent", DecodeError, MalformedBatch)
def samples(data: bytes) -> None:
    batch = SampleBatch.FromString(data)
    found = Samples()
    found.add(batch)
    found.add(batch)
    for quantity in (Quantity.QUANTITY_RSS_BYTES, Quantity.QUANTITY_CPU_USER_US):
        found.readings(quantity, 1000)


@TABLE.add("an agent", DecodeError, MalformedHistogram)
def histogram(data: bytes) -> None:
    quantiles_seconds(counts_of(Histogram.FromString(data)), (0.5, 0.99, 1.0))


@TABLE.add("an agent", DecodeError)
def build_log(data: bytes) -> None:
    """Packed text of a build's steps."""
    build_logs([BuildOutcome(variant="jit", log=data)])


@TABLE.add("whoever hands on a report as a file", UnreadableResult)
def report_file(data: bytes) -> None:
    result = from_json(data)
    require(from_json(to_json(result)) == result, "a report changes when it is written again")


@TABLE.add("whoever hands on a report as a file", UnreadableResult, most_bytes=512)
def report_values(data: bytes) -> None:
    """A whole report of which some values are others: what commands and pages make of it."""
    document = json.loads(_a_report())
    places = list(_places(document))
    for at in range(0, len(data) - 3, 4):
        holder, key = places[int.from_bytes(data[at : at + 2], "little") % len(places)]
        # Mostly of the same type: what another one does is told by `from_json` itself.
        values = _VALUES.get(type(holder[key]), _OTHERS)
        holder[key] = values[data[at + 2] % len(values)]
    result = from_json(json.dumps(document))
    to_json(result)
    render_markdown(result)
    gate_markdown([result])
    junit_xml([result])
    print_result(result, Console(file=io.StringIO(), width=100))


_OTHERS: tuple[Any, ...] = (None, True, [], {}, "x", 1, 1.5)
_VALUES: dict[type, tuple[Any, ...]] = {
    int: (0, 1, -1, 7, 2**31, 2**63, -(2**63), 10**30, None),
    float: (0.0, -0.0, 1.5, -1.5, 1.0, 1e-9, 1e9, 1e308, -1e308, 5e-324, None),
    str: (
        *("", "x", "jit", "aot", "aot-broken", "better"),
        *(metrics.STARTUP.name, metrics.RSS_LOAD.name),
        *(
            "worse",
            "reject",
            "failed",
            "done",
            "\x1b[2J\n# x",
            "\ufffe",
            "$x$ | ` <b>",
            "\U0001f600",
        ),
    ),
    bool: (True, False),
}


@cache
def _a_report() -> str:
    return (CORPUS / "report-file" / "small.json").read_text()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place within lists and objects that holds a plain value."""
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, within in list(entries):
        if isinstance(within, dict | list):
            yield from _places(within)
        else:
            yield value, key
