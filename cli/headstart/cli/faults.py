"""Faults of the parts, turned into what a command says and exits with."""

from collections.abc import Iterator
from contextlib import contextmanager

from headstart.cli.errors import CommandError, InputError


@contextmanager
def agent_faults() -> Iterator[None]:
    """Faults that keep an agent from working."""
    from headstart.agent.agent import StateInUse
    from headstart.agent.policy.policy import PolicyError
    from headstart.agent.uplink.spool import SpoolError
    from headstart.agent.uplink.stream import Refused

    try:
        yield
    except PolicyError as error:
        mistakes = (f"  {each}" for each in error.problems)
        raise InputError(f"{error.path} is no policy:", *mistakes) from error
    except Refused as error:
        # Trying again changes nothing: a service manager shall not.
        raise InputError(f"the collector refuses this agent: {error}") from error
    except (StateInUse, SpoolError) as error:
        raise CommandError(str(error)) from error


@contextmanager
def collector_faults() -> Iterator[None]:
    """Faults that keep a collector from starting."""
    from headstart.collector.server import ConfigurationError, StartFault

    try:
        yield
    except ConfigurationError as error:
        # An option, or what it names, is at fault.
        raise InputError(*str(error).splitlines()) from error
    except StartFault as error:
        raise CommandError(str(error)) from error
