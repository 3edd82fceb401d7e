"""Programs that end with whoever started them, also when that is killed."""

import shutil
import subprocess
from functools import cache


@cache
def dying_with_parent() -> tuple[str, ...]:
    """A prefix to a command; empty where setpriv is missing or, as busybox's, cannot do it."""
    prefix = ("setpriv", "--pdeathsig", "KILL", "--")
    if shutil.which("setpriv") is None:
        return ()
    tried = subprocess.run([*prefix, "true"], capture_output=True, check=False)
    return prefix if tried.returncode == 0 else ()
