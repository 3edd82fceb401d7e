"""The driver is the one that is named, or the best that is installed and suits the load."""

import shutil
from pathlib import Path

import pytest

from headstart.agent.load.builtin import Builtin
from headstart.agent.load.driver import LoadDriver
from headstart.agent.load.table import DRIVERS, available, choose
from headstart.v1.experiment_pb2 import HttpVersion
from headstart.v1.records_pb2 import Failure, FailureCode
from headstart.words import drivers
from support.load_tasks import load_of, request

MIX = (request("/a"), request("/b", method="POST", body=b"{}"))


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A h2load that answers for its version, alone in PATH."""
    program = tmp_path / "h2load"
    program.write_text("#!/bin/sh\necho h2load nghttp2/1.52.0\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)


def name_of(chosen: LoadDriver | Failure) -> str:
    assert not isinstance(chosen, Failure), chosen.message
    return chosen.name


@pytest.mark.usefixtures("installed")
def test_a_secret_header_is_no_argument_unless_h2load_is_named() -> None:
    load = load_of()
    header = load.requests[0].check.request.headers.add(name="Authorization", value="t0k3n")
    header.secret.variable = "TOKEN"

    assert name_of(choose(load)) == "builtin"
    load.driver = "h2load"
    assert name_of(choose(load)) == "h2load"


@pytest.mark.usefixtures("installed")
def test_h2load_is_preferred_where_it_suits() -> None:
    assert name_of(choose(load_of())) == "h2load"


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    "load", [load_of(rate_per_second=100), load_of(*MIX)], ids=["open-loop", "mix"]
)
def test_builtin_takes_what_h2load_cannot_do_well(load: object) -> None:
    assert name_of(choose(load)) == "builtin"  # type: ignore[arg-type]  # parametrize loses it


@pytest.mark.usefixtures("installed")
def test_a_named_driver_may_do_what_is_not_advised() -> None:
    assert name_of(choose(load_of(rate_per_second=100, driver="h2load"))) == "h2load"


@pytest.mark.usefixtures("missing")
def test_builtin_is_always_there() -> None:
    assert name_of(choose(load_of())) == "builtin"


@pytest.mark.usefixtures("missing")
def test_a_named_driver_that_is_not_installed_says_how_to_install_it() -> None:
    chosen = choose(load_of(driver="h2load"))

    assert isinstance(chosen, Failure)
    assert chosen.code == FailureCode.FAILURE_CODE_LOAD_DRIVER_MISSING
    assert "install the Debian package nghttp2-client" in chosen.message


def test_an_unknown_name_lists_the_known_ones() -> None:
    chosen = choose(load_of(driver="ab"))

    assert isinstance(chosen, Failure)
    assert chosen.message == "no load driver is called ab; known are h2load, builtin, wrk"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"driver": "h2load", "rate_per_second": 10, "rate_to_per_second": 20},
            "no rate that rises",
        ),
        ({"driver": "builtin", "http_version": HttpVersion.HTTP_VERSION_2}, "HTTP/1.1 only"),
    ],
)
def test_a_named_driver_that_cannot_apply_the_load_says_why(
    fields: dict[str, object], words: str
) -> None:
    chosen = choose(load_of(**fields))

    assert isinstance(chosen, Failure)
    assert chosen.code == FailureCode.FAILURE_CODE_LOAD_DRIVER_FAILED
    assert words in chosen.message


@pytest.mark.usefixtures("missing")
def test_without_a_driver_that_suits_every_reason_is_given() -> None:
    chosen = choose(load_of(http_version=HttpVersion.HTTP_VERSION_2))

    assert isinstance(chosen, Failure)
    assert chosen.message == (
        "no load driver can apply this load: h2load: not installed;"
        " builtin: it speaks HTTP/1.1 only;"
        " wrk: it gives no series, so it is used only where it is named"
    )


def test_a_driver_stands_in_the_module_of_its_name() -> None:
    assert [driver.name for driver in DRIVERS] == list(drivers.DRIVERS)


@pytest.mark.usefixtures("installed")
def test_installed_drivers_are_listed_with_their_versions() -> None:
    assert available() == [("h2load", "1.52.0"), ("builtin", Builtin().version())]
