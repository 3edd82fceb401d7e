"""Builds the server that knows its own times and reads what it tells."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")


@dataclass(frozen=True)
class Truth:
    """CLOCK_MONOTONIC in ns; `cpu_ns` is the CPU time used until the first correct response."""

    main_ns: int
    listen_ns: int
    request_ns: int
    response_ns: int
    cpu_ns: int


def build_truth_server(folder: Path) -> Path:
    """The program, static, so that it runs FROM scratch; needs gcc."""
    program = folder / "truth_server"
    subprocess.run(["gcc", "-O2", "-static", "-o", str(program), str(SOURCE)], check=True)
    return program


def parse_truth(output: str) -> Truth | None:
    """What the server printed; None when it has not answered correctly yet."""
    lines = [line for line in output.splitlines() if line.startswith('{"main_ns"')]
    return Truth(**json.loads(lines[-1])) if lines else None
