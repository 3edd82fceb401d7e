"""`headstart submit --wait`: follow what was submitted, and say what it found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from headstart.cli.aa_status import say_aa_status
from headstart.cli.client import Reachable
from headstart.cli.ended_runs import results_of, told_in_lines
from headstart.cli.exit_codes import ExitCode
from headstart.cli.following import follow_all
from headstart.cli.json_output import in_words, say_object
from headstart.cli.progress import ProgressLines
from headstart.cli.several_lines import SeveralLines
from headstart.cli.terminal import say
from headstart.cli.verdict_code import first_of, say_unmeasured, verdict_code
from headstart.cli.waiting_options import how_to_go_on
from headstart.v1.experiments_pb2 import RunSummary


def wait_for(
    collector: Reachable,
    runs: Sequence[RunSummary],
    strict: bool,
    more: Mapping[str, Any] | None,
) -> ExitCode:
    """The exit code of all of them, as `headstart gate` has it.

    `more` is what the JSON has beside them; None: words are printed.
    """
    lines = ProgressLines() if len(runs) == 1 else SeveralLines()
    try:
        ended = follow_all(collector, [run.run_id for run in runs], lines.show)
    except KeyboardInterrupt:
        lines.close()
        watch, cancel = how_to_go_on(runs)
        say(
            "headstart: the runs go on",
            f"  to follow them: {watch}",
            f"  to end them: {cancel}",
            err=True,
        )
        raise
    finally:
        lines.close()
    results, codes = results_of(collector, ended)
    for result in results:
        if result.aa:
            say_aa_status(result)
    decisions = [
        {
            "run_id": result.run_id,
            "host": result.host.name,
            "variant": each.variant,
            "decision": each.decision.value,
            "summary": each.summary,
        }
        for result in results
        for each in result.recommendations
    ]
    if more is not None:
        runs_in_words = [in_words(run) for run in ended]
        say_object({"runs": runs_in_words, "decisions": decisions, **more})
    else:
        for result in results:
            for each in result.recommendations:
                where = f"{result.experiment} on {result.host.name}"
                say(f"{where}: {each.decision.value}: {each.summary}")
    say_unmeasured(results, told_in_lines(ended))
    return first_of([*codes, *(verdict_code(result, strict) for result in results)])
