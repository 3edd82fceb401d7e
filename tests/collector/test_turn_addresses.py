"""By what an active collector is reached, as one says that stands by."""

from pathlib import Path

import pytest

from headstart.collector.config import CollectorConfig, IdentitySettings
from headstart.collector.store.epoch import Seen
from headstart.collector.turns import address_of_other, reached_at


@pytest.mark.parametrize(
    ("advertised", "found"),
    [
        (("one.example",), "one.example:7070"),
        (("one.example:443",), "one.example:443"),
        # Behind a balancer: the first is its name.
        (("balancer.example", "one.example"), "one.example:7070"),
    ],
)
def test_a_collector_is_reached_by_the_last_name_that_it_has(
    tmp_path: Path, advertised: tuple[str, ...], found: str
) -> None:
    config = CollectorConfig(
        data=tmp_path,
        listen=("unix:/c.sock", "0.0.0.0:7070"),
        identity=IdentitySettings(advertise=advertised),
    )

    assert reached_at(config) == found


@pytest.mark.parametrize(
    ("address", "released", "told"),
    [("two:7070", False, "two:7070"), ("two:7070", True, ""), ("one:7070", False, "")],
)
def test_one_that_stands_by_never_names_itself(address: str, released: bool, told: str) -> None:
    seen = Seen(3, 7, released, "process 1 on two", address, "")

    assert address_of_other(seen, "one:7070") == told
