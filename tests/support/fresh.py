"""A function of a test that runs in a process of its own, before anything else is imported."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

_TESTS = Path(__file__).parent.parent


def in_a_fresh_process(function: Callable[[], None]) -> None:
    """Runs it where no table has been read yet; what it raises is shown.

    Its module is imported there too, so that imports which read a table stand in the function.
    """
    code = function.__code__
    command = f"import runpy; runpy.run_path({code.co_filename!r})[{code.co_name!r}]()"

    ran = subprocess.run(
        [sys.executable, "-c", command],
        env={"PYTHONPATH": str(_TESTS)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
