"""`python -m bench [--quick] [NAME...]`: measures what the documentation claims.

Every module of this folder with a function `run(quick)` is a benchmark; NAME is
that of a module. Exit status 1 when a figure is over its budget.
"""

import argparse
import importlib
import sys
import traceback
from pathlib import Path

FOLDER = Path(__file__).parent
# Servers and fixtures that tests use too.
sys.path.insert(0, str(FOLDER.parent / "tests"))

from bench.table import BenchRow, print_table  # noqa: E402


def main() -> int:
    """Run the benchmarks one after the other, never two at a time."""
    names = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))
    modules = {name: importlib.import_module(f"bench.{name}") for name in names}
    benchmarks = {name: module.run for name, module in modules.items() if hasattr(module, "run")}
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(benchmarks))
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(benchmarks):
        parser.error(
            f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(benchmarks)}"
        )
    rows: list[BenchRow] = []
    for name in arguments.names or benchmarks:
        print(f"{name} ...", file=sys.stderr, flush=True)
        try:
            rows += benchmarks[name](arguments.quick)
        except Exception as error:
            # What the others measured took minutes.
            traceback.print_exc()
            rows.append(BenchRow(name, f"broken: {error}", "", "", ok=False))
    print_table(rows)
    return 1 if any(row.ok is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
