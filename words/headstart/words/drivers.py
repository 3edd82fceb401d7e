"""The load drivers, and what each of them can do: for agents, which apply a load, and for
collectors, which say before any host is asked that a driver cannot.

A driver is a line in `DRIVERS` and the module of its name in the agent's `load`.
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Asked:
    """What a load asks of its driver. `named`: the experiment says which one."""

    named: bool = True
    rate: bool = False
    rising_rate: bool = False
    http_2: bool = False
    # Among the header fields of a request.
    secrets: bool = False
    duration_seconds: float = 1.0


@dataclass(frozen=True)
class Driver:
    """One load driver. `package`: the Debian package that it comes in; empty: always there."""

    name: str
    package: str = ""
    rate: bool = True
    rising_rate: bool = False
    # Requests leave when they should, and latency counts from then.
    even_rate: bool = True
    http_2: bool = False
    fractions_of_seconds: bool = True
    # Throughput and latency by windows, not of the load as a whole only.
    series: bool = True
    secrets_in_arguments: bool = False

    def cannot(self, asked: Asked) -> Iterator[tuple[str, str]]:
        """Keys of `load` that it cannot do as asked, each with what it does: "applies no rate"."""
        if asked.rising_rate and not self.rising_rate:
            yield "rate", "applies no rate that rises"
        elif asked.rate and not self.rate:
            yield "rate", "applies no rate"
        if asked.http_2 and not self.http_2:
            yield "http", "speaks HTTP/1.1 only"
        if asked.duration_seconds % 1 and not self.fractions_of_seconds:
            yield "duration", "takes whole seconds"

    def why_only_named(self, asked: Asked) -> str:
        """Why it is not chosen for a load that names no driver; empty: it may be."""
        if asked.named:
            return ""
        if not self.series:
            return "gives no series"
        if asked.rate and not self.even_rate:
            return (
                "sends a rate in bursts and counts from the actual send, which hides most of a"
                " server's stall"
            )
        if asked.secrets and self.secrets_in_arguments:
            return "is given headers as arguments, which every user of the host can read"
        return ""

    def refuses(self, asked: Asked) -> str | None:
        """What it does instead, such as "applies no rate"; None: by what is known here, it can."""
        if why := self.why_only_named(asked):
            return f"{why}, so it is used only where it is named"
        return next((what for _, what in self.cannot(asked)), None)

    def install(self) -> str:
        """What to do where it is missing."""
        return f"install the Debian package {self.package}" if self.package else ""


# In the order in which they are preferred: one that saturates a server comes first.
DRIVERS = {
    driver.name: driver
    for driver in (
        Driver("h2load", "nghttp2-client", http_2=True, even_rate=False, secrets_in_arguments=True),
        Driver("builtin", rising_rate=True),
        Driver("wrk", "wrk", rate=False, fractions_of_seconds=False, series=False),
    )
}


def drivers_for(asked: Asked) -> list[str]:
    """Names of those that apply such a load, by what is known here."""
    return [name for name, driver in DRIVERS.items() if driver.refuses(asked) is None]


def without_series() -> list[str]:
    """Names of those that count a load as a whole only."""
    return [name for name, driver in DRIVERS.items() if not driver.series]


def gives_series(name: str) -> bool:
    """Whether a load by this driver is seen by windows; that of an unknown one is."""
    return name not in without_series()
