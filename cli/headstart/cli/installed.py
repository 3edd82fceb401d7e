"""Where this installation came from, so that what it lacks is taken from the same place.

No index has Headstart, and whoever puts something there under its name is not us.
"""

import json
import shlex
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname


def command_for(extra: str) -> str:
    """The command that adds an extra to this installation, as a shell takes it."""
    return shlex.join([*_pip(Path(sys.prefix)), "install", *_with_extra(extra, _origin())])


def _pip(prefix: Path) -> list[str]:
    # What pipx installs has no pip of its own.
    if (prefix / "pipx_metadata.json").exists():
        return ["pipx", "runpip", prefix.name]
    return [sys.executable, "-m", "pip"]


def _origin() -> dict[str, Any] | None:
    """What the installer wrote down (PEP 610); None where it took a name from an index."""
    written = distribution("headstart").read_text("direct_url.json")
    return json.loads(written) if written else None


def _with_extra(extra: str, origin: dict[str, Any] | None) -> list[str]:
    if origin is None:
        return [f"headstart[{extra}]"]
    url = origin["url"]
    if origin.get("dir_info", {}).get("editable"):
        return ["-e", f"{url2pathname(urlsplit(url).path)}[{extra}]"]
    if repository := origin.get("vcs_info"):
        url = f"{repository['vcs']}+{url}@{repository['commit_id']}"
    return [f"headstart[{extra}] @ {url}"]
