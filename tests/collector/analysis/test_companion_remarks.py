"""A reader is told where what stands beside an app may take its CPUs."""

import pytest

from headstart.collector.analysis.companions import companion_remarks
from headstart.v1.experiment_pb2 import Companion, Experiment, Plan
from support.beside_runs import BesideFake, beside_result


@pytest.mark.parametrize(
    ("server", "cpus", "said"),
    [
        ("0", "1", ""),
        ("0", "", ""),
        ("0,4-5", "1-3", ""),
        ("0-1", "1-3", "may run on CPU 1, as the app does"),
        ("0,2", "0-7", "may run on CPU 0, 2, as the app does"),
        ("", "1", "may run on the app's CPUs, since `plan.cpus.server` does not say"),
        ("0", "x,3-y", ""),
    ],
)
def test_it_is_said_where_both_may_run(server: str, cpus: str, said: str) -> None:
    plan = Plan(server_cpus=server)
    told = list(companion_remarks(Experiment(plan=plan, beside=[Companion(name="db", cpus=cpus)])))

    assert len(told) == bool(said)
    assert all(said in each and each.startswith("db beside the app ") for each in told)


def test_it_is_among_the_limits_of_a_run() -> None:
    class Pinned(BesideFake):
        def experiment(self) -> Experiment:
            found = super().experiment()
            found.beside[0].cpus = "0-1"
            return found

    assert not any("beside the app" in each for each in beside_result().remarks)
    assert any("as the app does" in each for each in Pinned(blocks=1).result().remarks)
