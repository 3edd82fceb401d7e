"""What a record may hold: quantities have bounds, a seed has none."""

import pytest

from headstart.collector.store.record_bounds import Unbelievable, check_numbers
from headstart.v1.records_pb2 import RunStarted


@pytest.mark.parametrize("seed", [1, 2**62, 2**63 - 1, 2**64 - 1])
def test_every_seed_that_an_agent_draws_or_a_file_states_is_taken(seed: int) -> None:
    check_numbers(RunStarted(seed=seed), "run_started")


def test_a_time_beyond_all_clocks_is_not() -> None:
    with pytest.raises(Unbelievable, match=r"run_started\.unix_ns is 9223372036854775807"):
        check_numbers(RunStarted(unix_ns=2**63 - 1), "run_started")
