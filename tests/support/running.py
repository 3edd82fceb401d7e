"""The `headstart` command as a user runs it, and what it may leave behind."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from headstart.agent.instances import mark_entry, state_id
from support.ports import free_port as free_port

HEADSTART = Path(sys.executable).with_name("headstart")
APP = Path(__file__).with_name("sample_app.py")


def app(port: int, behaviour: str = "good") -> dict[str, Any]:
    """A variant that runs the sample app."""
    return {"command": [sys.executable, str(APP), str(port), behaviour]}


def experiment(port: int, variants: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """An experiment that is over in seconds."""
    plan = {"blocks": 2, "idle": "100ms", "settle": "100ms", "quiet": "0s"} | parts.pop("plan", {})
    service = {"port": port, "ready": "GET /health"} | parts.pop("service", {})
    return {
        "experiment": "sample",
        "baseline": next(iter(variants)),
        "variants": variants,
        "service": service,
        "plan": plan,
        **parts,
    }


@dataclass(frozen=True)
class Ran:
    """A command that ended."""

    status: int
    output: str
    errors: str

    def report(self) -> dict[str, Any]:
        """The report that was printed as JSON."""
        found = json.loads(self.output)
        result: dict[str, Any] = found.get("result", found)
        return result

    def variant(self, name: str) -> dict[str, Any]:
        """What became of a variant."""
        return next(v for v in self.report()["variants"] if v["variant"] == name)


def headstart(
    *arguments: str | Path,
    env: dict[str, str] | None = None,
    timeout_seconds: float = 150,
    cwd: Path | None = None,
) -> Ran:
    """Run the command to its end."""
    done = subprocess.run(
        [HEADSTART, *arguments],
        capture_output=True,
        text=True,
        encoding=(env or {}).get("PYTHONIOENCODING", "utf-8").partition(":")[0],
        timeout=timeout_seconds,
        check=False,
        env=os.environ | (env or {}),
        cwd=cwd,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def run(
    folder: Path,
    content: dict[str, Any],
    env: dict[str, str] | None = None,
    timeout_seconds: float = 150,
    options: Sequence[str] = (),
) -> Ran:
    """`headstart run --json` on an experiment, with its data in `folder`."""
    file = folder / "experiment.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    arguments: list[str | Path] = ["run", file, "--data", folder / "data", "--json", *options]
    return headstart(*arguments, env=env, timeout_seconds=timeout_seconds)


def left_behind(folder: Path) -> list[str]:
    """Processes of instances, and folders of gates, of the agent whose data is in `folder`."""
    state = folder / "data" / "agent"
    ours = mark_entry(state_id(state)).encode()
    found = [str(path) for kind in ("processes", "containers") for path in state.glob(f"{kind}/*")]
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if ours in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found
