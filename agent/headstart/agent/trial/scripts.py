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
_PYTHONS = ("python", "pypy")
# Their options that take no value; what follows another option may be its value.
_FLAGS = re.compile(r"-[bBdEhiIOPqsSuvx]+$")
_VERSION = re.compile(r"[\d.]+$")


def missing_script(argv: Sequence[str], folder: str) -> int | None:
    """The index of the script that is not there; None: it is, or none is seen."""
    if not argv:
        return None
    interpreter = _VERSION.sub("", PurePosixPath(argv[0]).name)
    endings = _ENDINGS.get(interpreter)
    # A message's list has no `index`.
    index = _place(interpreter, list(argv))
    if endings is None or index is None or not argv[index].endswith(endings):
        return None
    if "://" in argv[index] or _exists(Path(folder) / argv[index]):
        return None
    return index


def _place(interpreter: str, argv: Sequence[str]) -> int | None:
    """Where the script must stand; None where that is not certain."""
    if interpreter == "java":
        # Elsewhere a .jar is part of a class path, or an argument of the program.
        index = argv.index("-jar") + 1 if "-jar" in argv else len(argv)
        return index if index < len(argv) else None
    for index, argument in enumerate(argv[1:], 1):
        if index == 1 and argument == "run":
            continue
        if not argument.startswith("-"):
            return index
        if "=" not in argument and not (interpreter in _PYTHONS and _FLAGS.match(argument)):
            return None
    return None


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        # Too long, or with characters that no file name has: not a file at all.
        return True
