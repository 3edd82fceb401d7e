"""The script that a command has its interpreter read: known by the interpreter's own ending.

An argument may be anything (text, a route, a file that is yet to be written), so that only
what an interpreter reads first is looked for.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

_ENDINGS: Mapping[str, tuple[str, ...]] = {
    "python": (".py", ".pyc", ".pyz"),
    "pypy": (".py", ".pyc", ".pyz"),
    "node": (".js", ".mjs", ".cjs"),
    "bun": (".js", ".mjs", ".ts"),
    "deno": (".js", ".mjs", ".ts"),
    "java": (".jar",),
    "dotnet": (".dll",),
    "mono": (".exe", ".dll"),
    "mono-sgen": (".exe", ".dll"),
    "ruby": (".rb",),
    "php": (".php",),
    "perl": (".pl",),
    "lua": (".lua",),
    "sh": (".sh",),
    "bash": (".sh",),
    "wasmtime": (".wasm", ".cwasm", ".wat"),
    "wasmer": (".wasm", ".wat"),
}
# After these stands no script but a program, or what is to be written.
_NO_SCRIPT = {"-c", "-e", "-m", "-r", "--eval", "-p", "-o", "--output"}
_VERSION = re.compile(r"[\d.]+$")


def missing_script(argv: Sequence[str], folder: str) -> int | None:
    """The index of the script that is not there; None: it is, or none is seen."""
    if not argv:
        return None
    endings = _ENDINGS.get(_VERSION.sub("", PurePosixPath(argv[0]).name))
    if endings is None:
        return None
    for index, argument in enumerate(argv[1:], 1):
        if argument in _NO_SCRIPT:
            return None
        if argument.endswith(endings) and not argument.startswith("-") and "://" not in argument:
            return None if _exists(Path(folder) / argument) else index
    return None


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        # Too long, or with characters that no file name has: not a file at all.
        return True
