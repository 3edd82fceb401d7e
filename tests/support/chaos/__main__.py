"""`make chaos`: as long as is asked for, then what became of every run.

Exit code 1 when not all is well, and how to have the same again.
"""

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

from support.chaos import Chaos, Verdict, chaos

_SETTLE_SECONDS = 600.0
# Longer than in a test: most runs shall be over between what happens to their host, and two cores
# shall have time for a thousand of them in an hour.
_PAUSE_SECONDS = (8.0, 40.0)


def main() -> int:
    """Parse the arguments, let it happen, report."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0, help="that things happen")
    parser.add_argument("--seed", type=int, default=0, help="0: another one at each call")
    parser.add_argument("--hosts", type=int, default=6)
    parser.add_argument(
        "--store",
        choices=("sqlite", "postgresql"),
        default="sqlite",
        help="postgresql: two collectors take turns on one database, which is cut and restarted",
    )
    given = parser.parse_args()
    if os.geteuid() != 0:
        print("chaos: needs root: disks that fill up are mounted", file=sys.stderr)
        return 2
    seed = given.seed or random.SystemRandom().randrange(1, 1 << 31)
    print(
        f"chaos: seed {seed}, {given.hosts} hosts, {given.seconds:.0f} s, {given.store}", flush=True
    )
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    began = time.monotonic()

    def tell(fleet: Chaos) -> None:
        print(
            f"{time.monotonic() - began:6.0f} s  {sum(fleet.done.values())} faults, "
            f"{fleet.accepted} runs accepted",
            flush=True,
        )

    try:
        with chaos(folder, seed, given.hosts, _PAUSE_SECONDS, given.store) as fleet:
            fleet.run(given.seconds, tell)
            fleet.settle(_SETTLE_SECONDS)
            verdict = fleet.judge()
        _print(verdict, fleet)
        is_well = not verdict.faults
    except Exception:
        # Whatever broke it, how to see it again is what matters.
        traceback.print_exc()
        is_well = False
    if is_well:
        shutil.rmtree(folder)
    else:
        print(f"chaos: not well; logs and records are in {folder}; the same again:")
        print(
            f"make chaos CHAOS_SEED={seed} CHAOS_SECONDS={given.seconds:.0f} "
            f"CHAOS_STORE={given.store}"
        )
    return int(not is_well)


def _print(verdict: Verdict, fleet: Chaos) -> None:
    for name, count in sorted(fleet.done.items()):
        print(f"{count:6} {name}")
    for reason, count in verdict.reasons.most_common():
        print(f"{count:6} {reason}")
    for fault in verdict.faults:
        print(fault)
    for each in verdict.forgotten:
        print(f"forgotten by a restored backup: {each}")
    states = ", ".join(f"{count} {state}" for state, count in verdict.states.most_common())
    print(f"chaos: {fleet.accepted} runs accepted; {states}; {len(verdict.forgotten)} forgotten")
    print(
        f"chaos: {verdict.trials} trials and {verdict.requests} requests as their servers have "
        f"them, {verdict.failed_trials} trials failed"
    )
    print(
        f"chaos: {len(verdict.lost)} lost, {len(verdict.twice)} twice, {len(verdict.wrong)} wrong"
    )


if __name__ == "__main__":
    sys.exit(main())
