"""Analyses that go wrong; importable, since they run in another process."""

import os
from pathlib import Path

from headstart.collector.analysis_worker import Analysed


def dies(path: str, run_id: str) -> Analysed:
    """As when memory runs out."""
    os._exit(9)


def fails(path: str, run_id: str) -> Analysed:
    """As when a record surprises it."""
    return Analysed(1, "", "ValueError: a negative number of windows (load.py:12)")


def dies_once(path: str, run_id: str) -> Analysed:
    """Dies in the first process that is asked, answers in the second."""
    mark = Path(f"{path}.died")
    if not mark.exists():
        mark.touch()
        os._exit(9)
    return Analysed(1, '{"fine": true}', "")
