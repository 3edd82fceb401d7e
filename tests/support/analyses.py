"""Analyses that go wrong; importable, since they run in another process."""

import os
import signal
import time
from pathlib import Path

import psycopg
from sqlalchemy.exc import OperationalError

from headstart.collector.judge.job_limits import job
from headstart.collector.judge.worker import Analysed
from headstart.collector.store.database import open_readers


@job
def dies(path: str, run_id: str) -> Analysed:
    """As when memory runs out."""
    os._exit(9)


@job
def fails(path: str, run_id: str) -> Analysed:
    """As when a record surprises it."""
    raise ValueError("a negative number of windows")


@job
def dies_once(path: str, run_id: str) -> Analysed:
    """Dies in the first process that is asked, answers in the second."""
    mark = Path(f"{path}.died")
    if not mark.exists():
        mark.touch()
        os._exit(9)
    return Analysed(1, '{"fine": true}', "")


@job
def fills_memory(path: str, run_id: str) -> Analysed:
    """Takes more and more, in pieces that are used."""
    held = []
    while True:
        held.append(bytearray(16 << 20))


@job
def fills_memory_by_numpy(path: str, run_id: str) -> Analysed:
    """Asks for all at once, in C."""
    import numpy as np

    return Analysed(len(np.ones(1 << 34)), "", "")


@job
def never_ends(path: str, run_id: str) -> Analysed:
    """As when a loop of C code does not look at any flag."""
    sum(range(1 << 62))
    raise AssertionError("it ends")


@job
def begins_and_never_ends(path: str, run_id: str) -> Analysed:
    """Leaves a mark when it begins."""
    Path(f"{path}.begun").touch()
    sum(range(1 << 62))
    raise AssertionError("it ends")


@job
def counts_and_fills_memory(path: str, run_id: str) -> Analysed:
    """Leaves a mark each time that it is tried."""
    with Path(f"{path}.tried").open("a", encoding="ascii") as marks:
        marks.write("x")
    raise MemoryError


def tried(path: Path) -> int:
    """How often `counts_and_fills_memory` was tried on a store."""
    return len(Path(f"{path}.tried").read_text(encoding="ascii"))


@job
def outlives_signals(_where: str, _run_id: str) -> Analysed:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(os.getpid(), number)
    return Analysed(1, "", "outlived all")


@job
def finds_the_store_after(path: str, run_id: str) -> Analysed:
    """As when a database is started anew meanwhile: twice there is none."""
    with Path(f"{path}.asked").open("a", encoding="ascii") as marks:
        marks.write("x")
    if len(Path(f"{path}.asked").read_text(encoding="ascii")) < 3:
        lost = psycopg.OperationalError("server closed the connection")
        raise OperationalError("SELECT 1", None, lost)
    return Analysed(1, "", "found")


@job
def reads_records(path: str, run_id: str) -> Analysed:
    """As an analysis does first."""
    return _having_read(path, "SELECT payload FROM batches")


@job
def reads_bad_text(path: str, run_id: str) -> Analysed:
    """A text of the store that was damaged, and yet has readable words."""
    return _having_read(path, "SELECT CAST(x'73656372657420ff' AS TEXT)")


@job
def freezes(path: str, run_id: str) -> Analysed:
    """As a process that is stopped for a minute, with a limit of a second."""
    return _having_read(path, "SELECT 1", pause_seconds=2.5)


def _having_read(path: str, query: str, pause_seconds: float = 0.0) -> Analysed:
    engine = open_readers(path)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(query).all()
            time.sleep(pause_seconds)
            connection.exec_driver_sql(query).all()
    finally:
        engine.dispose()
    return Analysed(1, "", "")
