"""The load drivers. Adding one is a new file and one line in `DRIVERS`."""

from headstart.agent.load.builtin import Builtin
from headstart.agent.load.driver import LoadDriver
from headstart.agent.load.h2load import H2load
from headstart.agent.load.wrk import Wrk
from headstart.v1.experiment_pb2 import Load
from headstart.v1.records_pb2 import Failure, FailureCode

# In the order in which they are preferred: one that saturates a server comes first.
DRIVERS: tuple[LoadDriver, ...] = (H2load(), Builtin(), Wrk())
_INSTALL = {
    "h2load": "install the Debian package nghttp2-client",
    "wrk": "install the Debian package wrk",
}


def choose(load: Load) -> LoadDriver | Failure:
    """The driver that the load names, or the first that is installed and suits it."""
    if load.driver:
        return _named(load)
    reasons = []
    for driver in DRIVERS:
        reason = driver.refuses(load)
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
            f" {_INSTALL[driver.name]}, or use driver: builtin",
        )
    if (reason := driver.refuses(load)) is not None:
        return Failure(
            code=FailureCode.FAILURE_CODE_LOAD_DRIVER_FAILED,
            message=f"{driver.name} cannot apply this load: {reason}",
        )
    return driver
