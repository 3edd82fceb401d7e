"""Each list and text that an agent can send has a bound: a new field without one fails here."""

from dataclasses import replace

import pytest

from headstart.collector.store.record_bounds import (
    Bounds,
    Unbelievable,
    check_numbers,
    check_record,
)
from headstart.v1.fleet_pb2 import Heartbeat, Hello
from headstart.v1.records_pb2 import Record
from support.overfull import filled, named, paths

BOUNDS = replace(Bounds("vm", frozenset(), 3, 6, 10**12), others=frozenset())
OF_RECORDS = {named(path): path for path in paths(Record.DESCRIPTOR)}
OF_WORDS = {
    f"{kind.DESCRIPTOR.name}.{named(path)}": (kind, path)
    for kind in (Hello, Heartbeat)
    for path in paths(kind.DESCRIPTOR)
}


@pytest.mark.parametrize("name", OF_RECORDS)
def test_a_record_with_too_much_in_one_field_is_refused(name: str) -> None:
    record = Record()
    filled(record, OF_RECORDS[name])

    with pytest.raises(Unbelievable):
        check_record(record, 0, BOUNDS)


@pytest.mark.parametrize("name", OF_WORDS)
def test_what_an_agent_says_of_itself_with_too_much_in_one_field_is_refused(name: str) -> None:
    kind, path = OF_WORDS[name]
    message = kind()
    filled(message, path)

    with pytest.raises(Unbelievable):
        check_numbers(message, "said")
