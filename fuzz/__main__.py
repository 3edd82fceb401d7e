"""`python -m fuzz [TARGET...] --seconds N`: fuzz each target for so long, one after another.

Every target runs in a process of its own, forked from this one, which has imported and
instrumented the parsers once. What crashes, hangs or takes too much memory is written to
`--findings`; exit code 1 when anything was.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from fuzz import minimise
from fuzz.target import CORPUS, MEMORY_MIB, SECONDS_PER_INPUT, Target

_FOUND = 77


def main() -> int:
    """Parse the arguments, fuzz, report."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="TARGET", help="default: all of them")
    parser.add_argument("--seconds", type=int, default=600, help="for each target")
    parser.add_argument("--seed", type=int, default=0, help="of the mutations; default: any")
    parser.add_argument("--findings", type=Path, default=Path("fuzz-findings"))
    parser.add_argument(
        "--keep", action="store_true", help="add what reaches new lines to the corpus"
    )
    parser.add_argument("--list", action="store_true", help="print the targets and end")
    given = parser.parse_args()
    targets = _instrumented()
    if given.list:
        for target in targets.values():
            print(f"{target.name:20} {target.whose}")
        return 0
    if unknown := set(given.names) - targets.keys():
        parser.error(f"no target {', '.join(sorted(unknown))}; see --list")
    given.findings.mkdir(parents=True, exist_ok=True)
    failed = []
    for name in given.names or targets:
        began = time.monotonic()
        if not _fuzzed(targets[name], given):
            failed.append(name)
        result = "FAILED" if name in failed else "ok"
        print(f"{name:20} {time.monotonic() - began:6.1f} s  {result}", flush=True)
    passed = len(given.names or targets) - len(failed)
    print(f"fuzz: {passed} passed, {len(failed)} failed")
    if failed:
        print(f"what failed is in {given.findings}/: {', '.join(failed)}")
    return int(bool(failed))


def _instrumented() -> dict[str, Target]:
    import atheris

    with atheris.instrument_imports(include=["headstart", "tarfile", "tomllib"]):
        from fuzz.targets import TARGETS
    return TARGETS


def _fuzzed(target: Target, given: argparse.Namespace) -> bool:
    """Whether nothing was found."""
    with tempfile.TemporaryDirectory(prefix="headstart-fuzz-") as folder:
        grown = Path(folder) / "grown"
        grown.mkdir()
        committed = CORPUS / target.name
        log = Path(folder) / "log"
        prefix = f"-artifact_prefix={given.findings}/{target.name}-"
        bounds = (
            f"-max_len={target.most_bytes}",
            f"-timeout={SECONDS_PER_INPUT}",
            f"-rss_limit_mb={MEMORY_MIB}",
        )
        begin = (f"-seed={given.seed}", f"-max_total_time={given.seconds}", prefix)
        status = _in_a_process(target, (*begin, *bounds, str(grown), str(committed)), log)
        if status:
            sys.stdout.write(log.read_text(errors="replace")[-4000:])
            shutil.copy(log, given.findings / f"{target.name}.log")
        elif given.keep:
            print(f"{target.name:20} {minimise.keep(target, grown, committed):6} inputs kept")
        return not status


def _in_a_process(target: Target, arguments: tuple[str, ...], log: Path) -> int:
    import atheris

    pid = os.fork()
    if pid == 0:
        status = _FOUND
        try:
            with log.open("wb") as file:
                os.dup2(file.fileno(), 1)
                os.dup2(file.fileno(), 2)
            atheris.Setup(["fuzz", *arguments], target)
            # Leaves by SystemExit.
            atheris.Fuzz()
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else _FOUND
        finally:
            # What the parent cleans up is not this process's.
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    sys.exit(main())
