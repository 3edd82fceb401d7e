"""Prepare the wasmtime pair: one WebAssembly module, as it is and compiled ahead of time.

    python examples/wasmtime/prepare.py

Writes build/venv (this interpreter, with the package wasmtime on its path),
build/mix.wasm and build/mix.cwasm.
The module is made here: FUNCTIONS functions that mix a number, called in turn, so
that compiling it takes about as long as for a program of a megabyte. Compiled code
is valid for this CPU and this version of wasmtime only.
"""

import shutil
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent
BUILD = HERE / "build"
FUNCTIONS = 3000
STEPS = 12


def main() -> None:
    """Make build/ anew; a message and exit code 1 when wasmtime is not there."""
    try:
        import wasmtime
    except ModuleNotFoundError:
        sys.exit("wasmtime is not installed: pip install wasmtime")
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir()
    venv.create(BUILD / "venv", symlinks=True)
    (site,) = (BUILD / "venv" / "lib").glob("python*/site-packages")
    (site / "wasmtime.pth").write_text(str(Path(wasmtime.__file__).parent.parent))
    wasm = bytes(wasmtime.wat2wasm(module_text()))
    (BUILD / "mix.wasm").write_bytes(wasm)
    (BUILD / "mix.cwasm").write_bytes(wasmtime.Module(wasmtime.Engine(), wasm).serialize())
    print(f"prepared {BUILD}/mix.wasm ({len(wasm)} bytes) and {BUILD}/mix.cwasm")


def module_text() -> str:
    """The module as text: `mix(n)` calls n functions, each by its place in a table."""
    functions = "\n".join(function_text(number) for number in range(FUNCTIONS))
    names = " ".join(f"$f{number}" for number in range(FUNCTIONS))
    return f"""(module
      (type $step (func (param i32) (result i32)))
      (table funcref (elem {names}))
      {functions}
      (func (export "mix") (param $n i32) (result i32) (local $i i32) (local $x i32)
        (local.set $x (i32.const 12345))
        (block $done (loop $next
          (br_if $done (i32.ge_u (local.get $i) (local.get $n)))
          (local.set $x (call_indirect (type $step) (local.get $x)
            (i32.rem_u (local.get $i) (i32.const {FUNCTIONS}))))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br $next)))
        (local.get $x)))"""


def function_text(number: int) -> str:
    """One function: a chain of multiplications, shifts and exclusive ors of its own."""
    body = "(local.get 0)"
    for step in range(STEPS):
        factor = (number * 2654435761 + step * 40503) % (1 << 31) | 1
        shift = 1 + (number + step) % 31
        body = (
            f"(i32.xor (i32.mul {body} (i32.const {factor})) "
            f"(i32.shr_u (local.get 0) (i32.const {shift})))"
        )
    return f"(func $f{number} (type $step) {body})"


if __name__ == "__main__":
    main()
