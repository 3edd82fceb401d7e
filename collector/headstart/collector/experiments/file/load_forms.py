"""How a load arrives and what it speaks: rates, versions of HTTP, TLS, names of hosts."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field, model_validator

from headstart.collector.experiments.file.document import Path
from headstart.collector.experiments.file.forms import Form
from headstart.collector.experiments.file.phrases import found
from headstart.collector.experiments.file.units import Duration, Rate, Scalar, Text, Whole
from headstart.v1 import experiment_pb2 as pb
from headstart.words.drivers import DRIVERS, Asked, drivers_for
from headstart.words.readiness import requests_of

RATE = Rate("1/min", "10000000/s")
HOST = Text(
    what="the name of a host such as 'players.example' or 'players.example:9000'",
    pattern=r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(?::[0-9]{1,5})?",
    maximum=260,
)


class RateForm(Form):
    """Requests per second of an open loop; a rate alone stays as it is."""

    lowest: Annotated[float, RATE] = Field(alias="from")
    """The rate at the beginning."""
    to: Annotated[float, RATE] | None = None
    """The rate at the end; it rises evenly in between."""
    steps: Annotated[int, Whole(2, 100)] | None = None
    """Rises in so many steps of equal length instead."""

    @model_validator(mode="after")
    def _rises(self) -> "RateForm":
        if self.to is not None and self.to <= self.lowest:
            raise ValueError("expected 'to' to be above 'from'")
        return self


class Http(Scalar):
    """The version of HTTP; True is the second."""

    def parse(self, value: object) -> bool:
        text = str(value) if isinstance(value, int | float | str) else ""
        if text not in ("1.1", "2"):
            raise ValueError(f"expected 1.1 or 2, found {found(value)}")
        return text == "2"

    def json_schema(self) -> dict[str, Any]:
        return {"enum": [1.1, 2, "1.1", "2"]}


class Tls(Scalar):
    """Whether TLS is spoken, and whether with anyone: "no", "verified" or "unverified"."""

    def parse(self, value: object) -> str:
        if value == "unverified":
            return "unverified"
        if isinstance(value, bool):
            return "verified" if value else "no"
        raise ValueError(f"expected true, false or unverified, found {found(value)}")

    def json_schema(self) -> dict[str, Any]:
        return {"enum": [True, False, "unverified"]}


def broken_load_rules(data: dict[str, Any]) -> Iterator[tuple[Path, str, bool]]:
    """What a load driver cannot do, told before a host is asked to."""
    load, service = data.get("load"), data.get("service")
    if isinstance(service, dict) and "port" not in service:
        for key in ("tls", "host"):
            if key in service:
                yield ("service", key), f"'{key}' belongs to an app with a port", True
    if not isinstance(load, dict):
        return
    rate = load.get("rate")
    if isinstance(rate, dict) and "to" not in rate:
        message = "the key 'to' is missing; a rate that does not rise is written as 'rate: 100/s'"
        yield ("load", "rate", "to"), message, True
        return
    yield from _beyond_drivers(load)


def _beyond_drivers(load: dict[str, Any]) -> Iterator[tuple[Path, str, bool]]:
    """What the driver that is named cannot do, or none of them unless it is named."""
    name, rate = load.get("driver"), load.get("rate")
    asked = Asked(
        named=name is not None,
        rate=rate is not None,
        rising_rate=isinstance(rate, dict),
        http_2=load.get("http") in (2, "2"),
        duration_seconds=_seconds(load.get("duration")),
    )
    # First those that would be chosen for it.
    chosen = drivers_for(replace(asked, named=False))
    able = chosen or drivers_for(replace(asked, named=True))
    if isinstance(name, str) and name in DRIVERS:
        does_it = f"`driver: {able[0]}` does it" if able else "no load driver does it"
        for key, what in DRIVERS[name].cannot(asked):
            yield ("load", key), f"{name} {what}; {does_it}", key != "duration"
    elif name is None and not chosen:
        if able:
            why = DRIVERS[able[0]].why_only_named(asked)
            message = f"only `driver: {able[0]}` does it, and has to be named, since it {why}"
        else:
            reasons = (f"{name} {driver.refuses(asked)}" for name, driver in DRIVERS.items())
            message = f"no load driver does it: {'; '.join(reasons)}"
        yield ("load", "rate" if asked.rate else "http"), message, True


def _seconds(duration: object) -> float:
    try:
        return Duration("1s", "24h").parse(duration)
    except ValueError:
        return 1.0  # told by its own field


def fill_in(load: pb.Load, rate: RateForm | None, http_2: bool, tls: bool) -> None:
    """The fields of a load that these keys stand for."""
    if rate is not None:
        load.rate_per_second = rate.lowest
        load.rate_to_per_second = rate.to or 0
        load.rate_steps = rate.steps or 0
    load.http_version = pb.HTTP_VERSION_2 if http_2 else pb.HTTP_VERSION_1_1
    load.tls = tls


def name_host(experiment: pb.Experiment, host: str) -> None:
    """Ask for this host in every request of an experiment."""
    asked = [request for _, request in requests_of(experiment.service)]
    for check in (*asked, *(weighted.check for weighted in experiment.load.requests)):
        check.request.headers.add(name="Host", value=host)
