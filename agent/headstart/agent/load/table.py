"""The load drivers of `headstart.words.drivers`, each in the module of its name."""

from importlib import import_module

from headstart.agent.load.driver import LoadDriver
from headstart.v1.experiment_pb2 import HttpVersion, Load
from headstart.v1.records_pb2 import Failure, FailureCode
from headstart.words import drivers
from headstart.words.drivers import Asked


def _driver(name: str) -> LoadDriver:
    driver: LoadDriver = import_module(f"headstart.agent.load.{name}").DRIVER
    return driver


# In the order in which they are preferred.
DRIVERS = tuple(map(_driver, drivers.DRIVERS))


def refusal(driver: LoadDriver, load: Load) -> str | None:
    """Why a driver does not apply a load; None: it does."""
    known = drivers.DRIVERS[driver.name].refuses(_asked(load))
    return f"it {known}" if known else driver.refuses(load)


def choose(load: Load) -> LoadDriver | Failure:
    """The driver that the load names, or the first that is installed and suits it."""
    if load.driver:
        return _named(load)
    reasons = []
    for driver in DRIVERS:
        reason = refusal(driver, load)
        if reason is None and driver.version() is not None:
            return driver
        reasons.append(f"{driver.name}: {reason or 'not installed'}")
    return Failure(
        code=FailureCode.FAILURE_CODE_LOAD_DRIVER_FAILED,
        message="no load driver can apply this load: " + "; ".join(reasons),
    )


def available() -> list[tuple[str, str]]:
    """Name and version of every driver that is installed here."""
    versions = ((driver.name, driver.version()) for driver in DRIVERS)
    return [(name, version) for name, version in versions if version is not None]


def _named(load: Load) -> LoadDriver | Failure:
    driver = next((driver for driver in DRIVERS if driver.name == load.driver), None)
    if driver is None:
        known = ", ".join(driver.name for driver in DRIVERS)
        return Failure(
            code=FailureCode.FAILURE_CODE_LOAD_DRIVER_MISSING,
            message=f"no load driver is called {load.driver}; known are {known}",
        )
    if driver.version() is None:
        return Failure(
            code=FailureCode.FAILURE_CODE_LOAD_DRIVER_MISSING,
            message=f"the load driver {driver.name} is not installed on this host:"
            f" {drivers.DRIVERS[driver.name].install()}{_instead(load)}",
        )
    if (reason := refusal(driver, load)) is not None:
        return Failure(
            code=FailureCode.FAILURE_CODE_LOAD_DRIVER_FAILED,
            message=f"{driver.name} cannot apply this load: {reason}{_instead(load)}",
        )
    return driver


def _instead(load: Load) -> str:
    """Which installed drivers do apply the load, as the end of a sentence; may be empty."""
    able = [
        driver.name
        for driver in DRIVERS
        if driver.name != load.driver and refusal(driver, load) is None and driver.version()
    ]
    return f", or use driver: {' or '.join(able)}" if able else ""


def _asked(load: Load) -> Asked:
    headers = (header for each in load.requests for header in each.check.request.headers)
    return Asked(
        named=bool(load.driver),
        rate=bool(load.rate_per_second),
        rising_rate=bool(load.rate_to_per_second),
        http_2=load.http_version == HttpVersion.HTTP_VERSION_2,
        secrets=any(header.HasField("secret") for header in headers),
        duration_seconds=load.duration_seconds,
    )
