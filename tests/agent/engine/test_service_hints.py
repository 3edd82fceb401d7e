"""What is guessed of a service from the configuration of its image."""

from typing import Any

import pytest

from headstart.agent.engine.service_hints import (
    ServiceHints,
    port_of_environment,
    service_hints,
)


def config(**parts: Any) -> dict[str, Any]:
    return {"Env": ["PATH=/bin"], **parts}


def health(*test: str, env: tuple[str, ...] = ()) -> ServiceHints:
    return service_hints({"Env": list(env), "Healthcheck": {"Test": list(test)}})


def test_an_image_that_says_nothing_gives_no_hint() -> None:
    assert service_hints({}) == ServiceHints()
    assert service_hints(config(Env=None, ExposedPorts=None, Healthcheck=None)) == ServiceHints()


@pytest.mark.parametrize(
    ("test", "port", "path"),
    [
        (("CMD", "curl", "-f", "http://localhost:9000/health"), 9000, "/health"),
        (("CMD-SHELL", "curl -fs http://127.0.0.1:9000/health?full=1 || exit 1"), 9000,
         "/health?full=1"),
        (("CMD-SHELL", "wget -qO- 'http://[::1]:8080/ready' | grep ok"), 8080, "/ready"),
        (("CMD-SHELL", "wget -q --spider localhost:8080/up;exit $?"), 8080, "/up"),
        (("CMD-SHELL", 'curl "http://localhost:${PORT:-81}/a"'), 7000, "/a"),
        (("CMD-SHELL", "curl http://localhost:${OTHER:-81}/a"), 81, "/a"),
        (("CMD", "curl", "http://localhost:9000"), 9000, "/"),
    ],
)  # fmt: skip
def test_a_healthcheck_says_port_and_path(test: tuple[str, ...], port: int, path: str) -> None:
    found = health(*test, env=("PORT=7000",))

    assert (found.port, found.path, found.path_from) == (port, path, "HEALTHCHECK")
    assert found.port_from == "HEALTHCHECK"


@pytest.mark.parametrize(
    "test", [("NONE",), ("CMD", "/app/check"), ("CMD", "curl", "http://example.org/x"), ()]
)
def test_a_healthcheck_that_asks_elsewhere_says_nothing(test: tuple[str, ...]) -> None:
    assert health(*test) == ServiceHints()


def test_a_healthcheck_over_tls_says_so() -> None:
    assert health("CMD", "curl", "-k", "https://localhost:8443/health").tls


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"ASPNETCORE_URLS": "http://+:9000"}, (9000, "ASPNETCORE_URLS")),
        ({"ASPNETCORE_URLS": "https://*:9001;http://*:9000/"}, (9000, "ASPNETCORE_URLS")),
        ({"ASPNETCORE_URLS": "http://+:90", "ASPNETCORE_HTTP_PORTS": "8080"},
         (90, "ASPNETCORE_URLS")),
        ({"ASPNETCORE_HTTP_PORTS": "8080;8081"}, (8080, "ASPNETCORE_HTTP_PORTS")),
        ({"PORT": "3000"}, (3000, "PORT")),
        ({"PORT": "no", "SERVER_PORT": "99999"}, (0, "")),
        ({}, (0, "")),
    ],
)  # fmt: skip
def test_environment_variables_say_a_port(
    environment: dict[str, str], expected: tuple[int, str]
) -> None:
    assert port_of_environment(environment) == expected


def test_a_port_that_is_exposed_counts_when_it_is_the_only_one() -> None:
    one = service_hints(config(ExposedPorts={"9000/tcp": {}, "53/udp": {}}))
    two = service_hints(config(ExposedPorts={"8080/tcp": {}, "8081/tcp": {}}))

    assert (one.port, one.port_from) == (9000, "EXPOSE")
    assert two.port == 0


def test_what_the_app_is_told_comes_before_what_the_image_exposes() -> None:
    found = service_hints({"Env": ["PORT=8080"], "ExposedPorts": {"80/tcp": {}}})

    assert (found.port, found.port_from) == (8080, "PORT")
