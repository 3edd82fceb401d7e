"""Cases of the alerts about the latest run of an experiment on a host."""

from headstart.words import metrics
from support.alert_cases.case import (
    AOT,
    AOT_ON_ALPHA,
    DAY,
    ENDED,
    OF_RUN,
    REPORT,
    RUN,
    WHERE,
    Case,
)

BY_BOUNDS = (
    "Starts and memory count by the bounds that their records give, and what is decided of them "
    "holds in the worst case; figures under a disturbed load are left out."
)
GATE_LABELS = {
    **AOT_ON_ALPHA,
    "metric": metrics.STARTUP.name,
    "kind": "max",
    "side": "at most",
    "unit": "seconds",
}
GATE, MARGIN = (
    f'{AOT},metric="{metrics.STARTUP.name}",kind="{kind}",side="at most",unit="{unit}"'
    for kind, unit in (("max", "seconds"), ("margin", "ratio"))
)


def gate_values(gate: str, center: float, low: float, high: float) -> dict[str, str]:
    """What a gate is held against."""
    return {
        f'headstart_gate_value{{{gate},stat="{stat}"}}': f"{value}x10"
        for stat, value in (("center", center), ("ci_low", low), ("ci_high", high))
    }


CASES = (
    Case(
        "HeadstartVariantFailsChecks",
        "two checks fail",
        {
            f"headstart_checks_failed{{{AOT}}}": "2x10",
            f"headstart_checks_passed{{{AOT}}}": "7x10",
            ENDED: "0x10",
            **OF_RUN,
        },
        at="5m",
        labels=AOT_ON_ALPHA,
        says=(
            "aot of players-api on alpha answers wrongly",
            (
                "Wrong answers to checks in the latest run: 2; right ones: 7. However fast it is, "
                f"it is not the same program.{REPORT}"
            ),
        ),
    ),
    Case(
        "HeadstartVariantFailsChecks",
        "all checks pass",
        {f"headstart_checks_failed{{{AOT}}}": "0x10", ENDED: "0x10"},
        at="5m",
    ),
    Case(
        "HeadstartVariantFailsChecks",
        "the run is more than a week old",
        {f"headstart_checks_failed{{{AOT}}}": "2x30", ENDED: f"-{7 * DAY}x30"},
        at="5m",
    ),
    Case(
        "HeadstartVariantFailsChecks",
        "the next run is fine",
        {f"headstart_checks_failed{{{AOT}}}": "2x5 0x20", ENDED: "0x5 300x20"},
        at="15m",
    ),
    Case(
        "HeadstartVariantDoesNotStart",
        "no trial got an answer",
        {
            f'headstart_variant_outcome{{{AOT},outcome="does not start"}}': "1x10",
            ENDED: "0x10",
            **OF_RUN,
        },
        at="5m",
        labels={**AOT_ON_ALPHA, "outcome": "does not start"},
        says=(
            "aot of players-api on alpha does not start",
            (
                "No trial of the latest run got a correct response. The report has its last "
                f"output.{REPORT}"
            ),
        ),
    ),
    Case(
        "HeadstartVariantDoesNotStart",
        "it was measured",
        {f'headstart_variant_outcome{{{AOT},outcome="measured"}}': "1x10", ENDED: "0x10"},
        at="5m",
    ),
    Case(
        "HeadstartVariantDoesNotStart",
        "it starts again in the next run",
        {
            f'headstart_variant_outcome{{{AOT},outcome="does not start"}}': "1x5 stale",
            f'headstart_variant_outcome{{{AOT},outcome="measured"}}': "_x5 1x20",
            ENDED: "0x5 300x20",
        },
        at="15m",
    ),
    Case(
        "HeadstartVariantDoesNotStart",
        "its image is missing, which is not of its doing",
        {
            f'headstart_variant_outcome{{{AOT},outcome="image missing"}}': "1x10",
            ENDED: "0x10",
        },
        at="5m",
    ),
    Case(
        "HeadstartVariantNotMeasured",
        "its image is missing",
        {
            f'headstart_variant_outcome{{{AOT},outcome="image missing"}}': "1x10",
            ENDED: "0x10",
            **OF_RUN,
        },
        at="5m",
        labels={**AOT_ON_ALPHA, "outcome": "image missing"},
        says=(
            "aot of players-api on alpha was not measured: image missing",
            (
                "The app is not to blame: the host, its engine, its policy or the experiment is, "
                f"and the report says which.{REPORT}"
            ),
        ),
    ),
    Case(
        "HeadstartVariantNotMeasured",
        "measured, and dead by its own doing",
        {
            f'headstart_variant_outcome{{{AOT},outcome="dies"}}': "1x10",
            f'headstart_variant_outcome{{{RUN},variant="jit",outcome="measured"}}': "1x10",
            f'headstart_variant_outcome{{{RUN},variant="r2r",outcome="checks fail"}}': "1x10",
            ENDED: "0x10",
        },
        at="5m",
    ),
    Case(
        "HeadstartGateFailed",
        "a stated limit of startup is missed",
        {
            f'headstart_gate_limit{{{GATE},outcome="fail",stated="yes"}}': "0.025x10",
            **gate_values(GATE, 0.0294, 0.029, 0.03),
            ENDED: "0x10",
            **OF_RUN,
        },
        at="5m",
        labels={**GATE_LABELS, "outcome": "fail", "stated": "yes"},
        says=(
            "aot of players-api on alpha misses its gate on startup",
            (
                "It has to be at most 25ms and is 29.4ms (95 % interval 29ms to 30ms): the whole "
                f"interval lies beyond the limit, so the variant is rejected.{REPORT}"
            ),
        ),
    ),
    Case(
        "HeadstartGateFailed",
        "more than a margin worse than the baseline",
        {
            f'headstart_gate_limit{{{MARGIN},outcome="fail",stated="yes"}}': "1.05x10",
            **gate_values(MARGIN, 1.12, 1.1, 1.14),
            ENDED: "0x10",
            **OF_RUN,
        },
        at="5m",
        labels={
            **GATE_LABELS,
            "kind": "margin",
            "unit": "ratio",
            "outcome": "fail",
            "stated": "yes",
        },
        says=(
            "aot of players-api on alpha misses its gate on startup",
            (
                "It has to be at most 1.05 times the baseline and is 1.12 (95 % interval 1.1 to "
                "1.14): the whole interval lies beyond the limit, so the variant is rejected."
                f"{REPORT}"
            ),
        ),
    ),
    Case(
        "HeadstartGateFailed",
        "undecided, passed, and failed where nobody stated a gate",
        {
            f'headstart_gate_limit{{{AOT},metric="{metric}",kind="max",outcome="{outcome}",'
            f'stated="{stated}"}}': "1x10"
            for metric, outcome, stated in (
                (metrics.STARTUP.name, "undecided", "yes"),
                (metrics.RSS_IDLE.name, "pass", "yes"),
                (metrics.IMAGE_UNPACKED.name, "fail", "no"),
            )
        }
        | {ENDED: "0x10"},
        at="5m",
    ),
    Case(
        "HeadstartManyInvalidTrials",
        "four of ten",
        {
            f"headstart_trials_invalid{{{AOT}}}": "4x10",
            f"headstart_trials{{{AOT}}}": "10x10",
            ENDED: "0x10",
            **OF_RUN,
        },
        at="5m",
        labels=AOT_ON_ALPHA,
        says=(
            "Many trials of aot of players-api on alpha were disturbed",
            f"40% of the trials of the latest run. {BY_BOUNDS}{REPORT}",
        ),
    ),
    Case(
        "HeadstartManyInvalidTrials",
        "all of ten",
        {
            f"headstart_trials_invalid{{{AOT}}}": "10x10",
            f"headstart_trials{{{AOT}}}": "10x10",
            ENDED: "0x10",
            **OF_RUN,
        },
        at="5m",
        labels=AOT_ON_ALPHA,
        says=(
            "All trials of aot of players-api on alpha were disturbed",
            f"100% of the trials of the latest run. {BY_BOUNDS}{REPORT}",
        ),
    ),
    Case(
        "HeadstartManyInvalidTrials",
        "three of ten",
        {
            f"headstart_trials_invalid{{{AOT}}}": "3x10",
            f"headstart_trials{{{AOT}}}": "10x10",
            ENDED: "0x10",
        },
        at="5m",
    ),
    Case(
        "HeadstartRunIncomplete",
        "two of its runs in turn lack records",
        {
            f'headstart_run_info{{{RUN},run_id="r8",revision="1",state="incomplete"}}': "1x5 stale",
            f'headstart_run_info{{{RUN},run_id="r9",revision="2",state="incomplete"}}': "_x6 1x10",
            ENDED: "0x5 300x10",
        },
        at="10m",
        labels={**WHERE, "state": "incomplete"},
        says=(
            "The latest run of players-api on alpha is incomplete",
            (
                "It is decided by what it measured until then: not at all where that is nothing, "
                "or where records are missing. Run r9, revision 2: headstart report r9."
            ),
        ),
    ),
    Case(
        "HeadstartRunIncomplete",
        "it is done, or was cancelled",
        {
            f'headstart_run_info{{{RUN},run_id="r8",revision="1",state="cancelled"}}': "1x5 stale",
            f'headstart_run_info{{{RUN},run_id="r9",revision="1",state="done"}}': "_x6 1x10",
            ENDED: "0x5 300x10",
        },
        at="10m",
    ),
)
