"""What a job of the analysis process may take: one decorator, which every job has.

Runs come from agents, which are not believed: what one of them makes of the analysis
must not take the machine, or the time of all others.
"""

import os
import resource
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Generic, ParamSpec, TypeVar

from sqlalchemy.exc import DBAPIError

from headstart.collector.config import MEBIBYTE, JobLimits
from headstart.collector.store.database import kind_of, words_of
from headstart.collector.store.fault_kinds import FaultKind
from headstart.collector.store.writer import StoreDamaged, StoreFault

P = ParamSpec("P")
T = TypeVar("T")


class JobFault(Exception):
    """A job did not succeed; the message says why, in a line that a person can report."""


class JobExceeded(JobFault):
    """It took more than a job may: trying again would take as much."""


class StoreAway(StoreFault):
    """The store did not answer, as where its database is started anew: no fault of the job."""


@dataclass(frozen=True)
class Done(Generic[T]):
    """A job's answer. `worn`: its process holds so much memory that another one takes over."""

    answer: T
    worn: bool


_limits = JobLimits()


def limit_process(limits: JobLimits) -> None:
    """Bound this process, for its life."""
    global _limits  # one process, one set of limits
    _limits = limits
    # Data alone: address space that is only reserved costs nothing, and libraries reserve much.
    resource.setrlimit(resource.RLIMIT_DATA, (limits.memory_bytes, limits.memory_bytes))


def job(function: Callable[P, T]) -> Callable[P, Done[T]]:
    """Run a function as a job: within its time, its faults as those above or StoreDamaged.

    All of them can be pickled.

    Past its time the process is killed, since code in C looks at no flag.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> Done[T]:
        signal.setitimer(signal.ITIMER_REAL, _limits.seconds)
        try:
            answer = function(*args, **kwargs)
        except MemoryError:
            raise JobExceeded(memory_words(_limits)) from None
        except DBAPIError as error:
            kind, words = kind_of(error), f"the store cannot be read: {words_of(error)}"
            if kind is FaultKind.AWAY:
                raise StoreAway(words) from None
            if kind is FaultKind.DAMAGED:
                # No fault of the run, which is as it was once a backup is restored.
                raise StoreDamaged(words) from None
            raise JobFault(_words(error)) from None
        except Exception as error:
            raise JobFault(_words(error)) from None
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        return Done(answer, _resident_bytes() > _limits.memory_bytes // 2)

    return run


def memory_words(limits: JobLimits) -> str:
    """What is said of a job that wanted too much memory."""
    return f"it needs more than the {limits.memory_bytes // MEBIBYTE} MiB of memory that it may"


def time_words(limits: JobLimits) -> str:
    """What is said of a job that took too long."""
    return f"it takes more than the {limits.seconds:g} s that it may"


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _words(error: Exception) -> str:
    """The fault and the place."""
    places = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(places[-1].filename).name}:{places[-1].lineno})" if places else ""
    # The server's detail may have a row's values in it.
    said = words_of(error) if isinstance(error, DBAPIError) else str(error)
    return f"{type(error).__name__}: {said}{where}"
