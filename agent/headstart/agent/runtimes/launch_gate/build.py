"""Builds the launch gate: `python -m` this module rewrites the committed binary.

The same compiler gives the same bytes; it names itself in the section .comment
of the binary, by which a test knows whether a comparison is fair.
"""

import subprocess
from pathlib import Path

FOLDER = Path(__file__).parent
COMMAND = (
    "gcc",
    "-std=gnu11",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Os",
    "-static",
    "-nostdlib",
    "-ffreestanding",
    "-fno-pie",
    "-no-pie",
    "-fno-stack-protector",  # its canary needs a libc's thread block
    "-fno-asynchronous-unwind-tables",
    "-fcf-protection=none",
    "-fno-tree-loop-distribute-patterns",  # would call memcpy
    "-Wl,--build-id=none",
    "-Wl,-z,noexecstack",
    "-Wl,-z,norelro",
    "-Wl,-z,noseparate-code",  # one segment: 1 kB instead of 9
    "-s",
)


def build(binary: Path) -> None:
    """Compile gate.c into `binary`; CalledProcessError when that fails."""
    subprocess.run([*COMMAND, "-o", str(binary), "gate.c"], check=True, cwd=FOLDER)
    binary.chmod(0o755)


if __name__ == "__main__":
    build(FOLDER / "gate-x86_64")
