"""The `git` of this host, run where nothing but its arguments decides what it does.

No configuration of the machine or the user, no hooks, no prompts, no helpers of protocols but the
one that is asked for. What it may use of the user's are a login in `~/.netrc` and the keys of ssh,
as an engine uses its login for a pull.
"""

import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TypeAlias

from headstart.agent.cancellation import Cancellation
from headstart.agent.linux.parent_death import dying_with_parent

# The first that can be kept from the user's configuration (GIT_CONFIG_GLOBAL).
_OLDEST = (2, 32)
_ASK_SECONDS = 10.0
_LOOK_SECONDS = 0.1
# What looking at a folder may take of the time.
_LOOKING_SHARE = 0.2
# Of all of git's own; a repository has it hold what it likes.
_MEMORY_BYTES = 4 << 30
_KEPT_BYTES = 64 << 10
# What leads to a server, and to whom it is trusted.
_PASSED_ON = (
    "PATH",
    "HOME",
    "SSH_AUTH_SOCK",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
)
_SETTINGS = {
    "advice.detachedHead": "false",
    "core.attributesFile": "/dev/null",
    "core.autocrlf": "false",
    # Larger ones are not held in memory as a whole.
    "core.bigFileThreshold": "16m",
    "core.fsmonitor": "false",
    "core.hooksPath": "/dev/null",
    "core.symlinks": "true",
    "credential.helper": "",
    "gc.auto": "0",
    # Whoever a server sends it on to is not whom the policy allows.
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "60",
    "maintenance.auto": "false",
    "protocol.version": "2",
    "submodule.recurse": "false",
}


_Process: TypeAlias = "subprocess.Popen[bytes]"


class GitFailed(Exception):
    """A command of git that did not end well: what it wrote, in its own words."""


class GitStopped(Exception):
    """It was stopped from here; the message is a sentence's end."""


def git_problem() -> str | None:
    """Why no repository can be fetched on this host, as a sentence; None: it can."""
    if shutil.which("git") is None:
        return "this host has no git, which fetches what it is built from"
    return _version_problem()


@cache
def _version_problem() -> str | None:
    try:
        asked = subprocess.run(
            ["git", "version"],  # noqa: S607  # by PATH, as people have it
            capture_output=True,
            text=True,
            timeout=_ASK_SECONDS,
            check=True,
            errors="replace",
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"the git of this host cannot be run: {error}"
    found = re.search(r"(\d+)\.(\d+)", asked.stdout)
    if found is None or (int(found[1]), int(found[2])) < _OLDEST:
        wanted = ".".join(map(str, _OLDEST))
        return f"the git of this host is too old: {asked.stdout.strip()[:80]}; {wanted} is needed"
    return None


class Git:
    """Commands on one repository and its tree, within a time and a size in all."""

    def __init__(
        self, repository: Path, tree: Path, most_bytes: int, seconds: float, cancelled: Cancellation
    ) -> None:
        """Both folders exist. `most_bytes`: of each file, and of all that is in both."""
        self._folders = repository, tree
        self._most_bytes = most_bytes
        self._seconds = seconds
        self._ends = time.monotonic() + seconds
        self._cancelled = cancelled

    def run(self, *arguments: str, protocol: str = "", most_output: int = _KEPT_BYTES) -> bytes:
        """What a command writes. GitFailed, GitStopped, Cancelled, OSError.

        `protocol`: the one by which it may reach others.
        """
        settings = [word for name in _SETTINGS for word in ("-c", f"{name}={_SETTINGS[name]}")]
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(
                [*dying_with_parent(), "git", *settings, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                cwd="/",
                env=self._environment(protocol),
                start_new_session=True,
            )
            try:
                _limit(process.pid, max(self._most_bytes, most_output))
                self._follow(process, lambda: os.fstat(output.fileno()).st_size > most_output)
            finally:
                _end(process)
            output.seek(0)
            if process.returncode == 0:
                return output.read(most_output)
            errors.seek(0)
            said = errors.read(_KEPT_BYTES).decode("utf-8", "replace").strip()
            raise GitFailed(said or f"git ended with status {process.returncode}")

    def _follow(self, process: _Process, has_said_much: Callable[[], bool]) -> None:
        """Return at its end; raise when it goes beyond a bound."""
        next_look = 0.0
        pause = 0.005
        while not _has_ended(process):
            self._cancelled.raise_if_set()
            now = time.monotonic()
            if now > self._ends:
                raise GitStopped(f"it was not there within {self._seconds / 60:g} minutes")
            if has_said_much():
                raise GitStopped("it holds too many files")
            if now >= next_look:
                self._require_size()
                took = time.monotonic() - now
                next_look = now + max(_LOOK_SECONDS, took / _LOOKING_SHARE)
            self._cancelled.wait(pause)
            pause = min(2 * pause, _LOOK_SECONDS)
        self._cancelled.raise_if_set()
        self._require_size()

    def _require_size(self) -> None:
        if sum(map(_size_of, self._folders)) > self._most_bytes:
            raise GitStopped(
                f"it has more than {self._most_bytes / (1 << 20):,.0f} MiB, with its compressed"
                " objects (context_limit of this host's policy)"
            )

    def _environment(self, protocol: str) -> Mapping[str, str]:
        repository, tree = self._folders
        passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        return passed_on | {
            "GIT_DIR": str(repository),
            "GIT_WORK_TREE": str(tree),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_SYSTEM": "/dev/null",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_ALLOW_PROTOCOL": protocol or "none",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "false",
            "SSH_ASKPASS": "false",
            "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oConnectTimeout=30 -oPermitLocalCommand=no",
            "LC_ALL": "C",
        }


def _size_of(folder: Path) -> int:
    """What its files take, as far as they are there by now; links are not followed."""
    total = 0
    below = [str(folder)]
    while below:
        try:
            with os.scandir(below.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        below.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:
            # Git renames and removes while it works.
            continue
    return total


def _limit(pid: int, file_bytes: int) -> None:
    try:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
        resource.prlimit(pid, resource.RLIMIT_DATA, (_MEMORY_BYTES, _MEMORY_BYTES))
    except (ProcessLookupError, PermissionError, ValueError):
        # It has ended, or has lower ones.
        return


def _end(process: _Process) -> None:
    """Kill it and what it began, and wait."""
    # Not waited for yet, so that the group is ours.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _has_ended(process: _Process) -> bool:
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
