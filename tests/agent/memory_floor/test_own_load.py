"""An app without a load is put under its own `ready` request, where and how that is asked."""

import pytest

from headstart.agent.memory_floor.limit_probe import own_load
from headstart.v1.experiment_pb2 import Check, Experiment, HttpCheck, Service


@pytest.mark.parametrize(
    ("service", "tls"),
    [
        (Service(port=80), False),
        (Service(port=443, tls=True), True),
        (Service(port=443, tls=True, ready=Check(http=HttpCheck(port=8081))), False),
        (Service(port=80, ready=Check(http=HttpCheck(port=8443, tls=True))), True),
    ],
)
def test_it_speaks_what_the_port_of_readiness_speaks(service: Service, tls: bool) -> None:
    load = own_load(Experiment(service=service))

    assert load.tls == tls
    assert load.requests[0].check == service.ready.http
