"""A start that came to nothing is told with what is to be changed."""

import pytest

from headstart.agent.instances import ExitFacts
from headstart.agent.probe.task import ProbeResult
from headstart.agent.runtimes.ports import Listener
from headstart.agent.trial import startup_failures
from headstart.v1.experiment_pb2 import Check, HttpCheck, HttpRequest, Service

READY = HttpCheck(request=HttpRequest(method="GET", target="/health"))
SERVICE = Service(port=8080, ready=Check(http=READY))


def told(address: str, *listeners: Listener, output: str = "hello") -> str:
    result = ProbeResult(outcome="timeout", wrong="Connection refused")
    failure = startup_failures.not_ready(result, 5.0, SERVICE, output, address, listeners)
    return failure.message


@pytest.mark.parametrize(
    ("address", "listener", "where", "remedy"),
    [
        (
            "127.0.0.1",
            Listener(8080, "::1"),
            "[::1]:8080",
            'set service.address: "::1", or have it listen on 127.0.0.1:8080',
        ),
        (
            "::1",
            Listener(8080, "127.0.0.1"),
            "127.0.0.1:8080",
            'set service.address: "127.0.0.1", or have it listen on [::1]:8080',
        ),
        (
            "127.0.0.1",
            Listener(8081, "::1"),
            "[::1]:8081",
            'set service.port: 8081 and service.address: "::1", or have it listen on 127.0.0.1:8080',  # noqa: E501  # as it is told
        ),
        (
            "127.0.0.1",
            Listener(8081, "0.0.0.0"),
            "0.0.0.0:8081",
            "set service.port: 8081, or have it listen on port 8080",
        ),
        (
            "127.0.0.1",
            Listener(8081, "::ffff:127.0.0.1"),
            "[::ffff:127.0.0.1]:8081",
            "set service.port: 8081, or have it listen on port 8080",
        ),
        (
            "127.0.0.1",
            Listener(8080, "127.0.0.2"),
            "127.0.0.2:8080",
            "have it listen on 127.0.0.1:8080, or on all addresses",
        ),
        (
            "172.17.0.2",
            Listener(8080, "127.0.0.1"),
            "127.0.0.1:8080",
            "have it listen on all addresses (0.0.0.0), port 8080, or use network: own",
        ),
        (
            "127.0.0.1",
            Listener(0, "/run/app.sock"),
            "the unix socket /run/app.sock",
            "have it listen on TCP port 8080",
        ),
    ],
)
def test_where_it_listens_instead_and_what_to_change(
    address: str, listener: Listener, where: str, remedy: str
) -> None:
    asked = f"[{address}]:8080" if ":" in address else f"{address}:8080"

    assert told(address, listener) == (
        f"the app listens on {where}, and on {asked} nothing did within 5 s (Connection refused);"
        f" {remedy}"
    )


def test_the_nearest_of_several_is_what_to_change() -> None:
    words = told("127.0.0.1", Listener(0, "/x"), Listener(9, "0.0.0.0"), Listener(8080, "::1"))

    assert "listens on [::1]:8080 and 0.0.0.0:9 and the unix socket /x, and" in words
    assert 'service.address: "::1"' in words


def test_of_several_steps_the_one_that_was_not_answered_is_told() -> None:
    own = HttpCheck(request=HttpRequest(method="GET", target="/healthz"), port=8081)
    service = Service(port=8080, before_ready=[Check(http=READY)], ready=Check(http=own))
    result = ProbeResult(outcome="timeout", steps_ns=[7], wrong="Connection refused")
    nobody = startup_failures.not_ready(result, 5.0, service, "hi", "127.0.0.1").message
    at_another = Listener(8082, "0.0.0.0")
    listens = startup_failures.not_ready(result, 5.0, service, "hi", "127.0.0.1", [at_another])
    result.listened, result.incorrect_there, result.wrong = True, 2, "status 503"
    wrong = startup_failures.not_ready(result, 5.0, service, "hi", "127.0.0.1").message

    before = "; it had answered GET /health before"
    assert nobody == f"nothing listened on port 8081 within 5 s (Connection refused){before}"
    assert f"set service.ready[1].port: 8082, or have it listen on port 8081{before}" in (
        listens.message
    )
    assert wrong == (
        "the app answered GET /healthz on port 8081 2 times within 5 s, never correctly; last:"
        f" status 503; expected status 200-299{before}"
    )


def test_an_app_that_wrote_nothing_is_told_to_have() -> None:
    assert told("127.0.0.1").endswith("within 5 s (Connection refused)")
    assert told("127.0.0.1", output="\n").endswith("(Connection refused); it wrote nothing")
    assert startup_failures.ended(ExitFacts(0), 1.0, SERVICE, "").message == (
        "the app ended with status 0 after 1.00 s, before it answered GET /health correctly;"
        " it wrote nothing"
    )
