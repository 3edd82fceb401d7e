"""What a table lists is known everywhere by its one line: shown by entries that are made up."""

import sys
from types import ModuleType
from typing import Any

from headstart.words import drivers
from support.fresh import in_a_fresh_process

FILE: dict[str, Any] = {
    "experiment": "players",
    "baseline": "jit",
    "variants": {"jit": {"image": "players:jit"}, "aot": {"image": "players:aot"}},
    "service": {"port": 9000, "ready": "GET /health"},
}


def module(name: str, **names: object) -> None:
    """A file of that name, with these names in it."""
    made = ModuleType(name)
    vars(made).update(names)
    sys.modules[name] = made


def mistakes(**keys: object) -> str:
    """What is wrong with an experiment file; empty: nothing."""
    import yaml

    from headstart.collector.experiments.file import ExperimentProblems, load_experiment

    try:
        load_experiment(yaml.safe_dump(FILE | keys), "/home/me")
    except ExperimentProblems as error:
        return str(error)
    return ""


def a_driver() -> None:
    from headstart.agent.load.table import available, choose
    from headstart.collector.experiments.json_schema import schema_text
    from headstart.v1.experiment_pb2 import Load

    assert mistakes(load={"request": "GET /", "driver": "siege"}) == ""
    assert "siege applies no rate" in mistakes(
        load={"request": "GET /", "driver": "siege", "rate": "10/s"}
    )
    assert '"siege"' in schema_text()
    assert ("siege", "4.1") in available()
    chosen = choose(Load(driver="siege", rate_per_second=10))
    assert "siege cannot apply this load: it applies no rate" in str(chosen)


def a_made_up_driver() -> None:
    class Siege:
        name = "siege"

        def version(self) -> str:
            return "4.1"

        def refuses(self, _load: object) -> None:
            return None

    drivers.DRIVERS["siege"] = drivers.Driver("siege", "siege", rate=False)
    module("headstart.agent.load.siege", DRIVER=Siege())
    a_driver()


def test_a_load_driver_is_a_file_and_a_line() -> None:
    in_a_fresh_process(a_made_up_driver)
