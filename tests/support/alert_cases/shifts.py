"""Cases of the alerts about shifts."""

from collections.abc import Mapping

from headstart.words import metrics
from support.alert_cases.case import STORE, Case

SHIFT = {
    **STORE,
    "shift": "7",
    "experiment": "players-api",
    "fingerprint": "f1",
    "cpu_model": "EPYC",
    "host": "alpha",
    "variant": "aot",
    "metric": metrics.STARTUP.name,
    "unit": "seconds",
    "change": "worse",
    "direction": "rose",
    "old_revision": "9d8e7f6",
    "new_revision": "3f2c1ab",
}
TARGET = {"job": "headstart", "instance": "c:9464"}
UP = 'up{job="headstart",instance="c:9464"}'
# The alert is of the middle of the ratio.
LABELS = {**SHIFT, "stat": "center"}
SAYS = "startup of aot of players-api rose by 25% on EPYC, since revision 3f2c1ab"
LEVELS = (
    "It was 24ms up to revision 9d8e7f6 (the last good one, run r1) and is 30ms since revision "
    "3f2c1ab (the first bad one, run r2 on alpha): 1.25 times, interval 1.22 to 1.28."
)
WHAT_TO_DO = (
    " Its course: headstart history players-api --metric startup_seconds. It is shift 7; where "
    "the new level is what is wanted: headstart accept 7."
)


def series(name: str, labels: Mapping[str, str], **more: str) -> str:
    """The text of a series."""
    matchers = ",".join(f'{key}="{value}"' for key, value in {**labels, **more}.items())
    return f"{name}{{{matchers}}}"


def shift(
    labels: Mapping[str, str], ratio: float, infos: Mapping[str, str], values: str = "x20"
) -> dict[str, str]:
    """What is exposed of an open shift; `infos`: values of its info by confirmation."""
    ratios = {"center": ratio, "ci_low": ratio - 0.03, "ci_high": ratio + 0.03}
    levels = {"old": 0.024, "new": 0.024 * ratio}
    return {
        **{
            series("headstart_shift_ratio", labels, stat=stat): f"{value:g}{values}"
            for stat, value in ratios.items()
        },
        **{
            series("headstart_shift_level", labels, level=level): f"{value:g}{values}"
            for level, value in levels.items()
        },
        **{
            series(
                "headstart_shift_info",
                labels,
                confirmation=confirmation,
                old_run_id="r1",
                new_run_id="r2",
                rerun_run_id="r3" if confirmation == "rerun" else "",
            ): shown
            for confirmation, shown in infos.items()
        },
    }


FELL = {
    **SHIFT,
    "metric": metrics.THROUGHPUT_STEADY.name,
    "unit": "per_second",
    "direction": "fell",
}

CASES = (
    Case(
        "HeadstartRegression",
        "a figure got worse over revisions",
        shift(SHIFT, 1.25, {"none": "1x20"}),
        at="5m",
        labels=LABELS,
        says=(
            SAYS,
            (
                f"{LEVELS} No rerun of the old image against the new one has confirmed it (yet)."
                f"{WHAT_TO_DO}"
            ),
        ),
    ),
    Case(
        "HeadstartRegression",
        "for throughput the worse is less",
        shift(FELL, 0.8, {"exact": "1x20"}),
        at="5m",
        labels={**FELL, "stat": "center"},
        says=(
            "throughput steady of aot of players-api fell by 20% on EPYC, since revision 3f2c1ab",
            (
                "It was 24m/s up to revision 9d8e7f6 (the last good one, run r1) and is 19.2m/s "
                "since revision 3f2c1ab (the first bad one, run r2 on alpha): 0.8 times, interval "
                "0.77 to 0.83. The figure does not vary: one run is enough. Its course: headstart "
                "history players-api --metric throughput_steady_per_second. It is shift 7; "
                "where the new level is what is wanted: headstart accept 7."
            ),
        ),
    ),
    Case(
        "HeadstartRegression",
        "confirmed in between: it goes on, and Alertmanager holds it back",
        shift(SHIFT, 1.25, {"none": "1x5 stale", "rerun": "_x6 1x20"}),
        at="12m",
        labels=LABELS,
        says=(SAYS, f"{LEVELS}{WHAT_TO_DO}"),
    ),
    Case(
        "HeadstartRegression",
        "its collector is down, and with it all that the text looks up",
        {
            **shift({**SHIFT, **TARGET}, 1.25, {"none": "1x10 stale"}, "x10 stale"),
            UP: "1x10 0x200",
        },
        at="3h",
        labels={**SHIFT, **TARGET, "stat": "center"},
        says=(
            "HeadstartRegression fired before its collector c:9464 went down",
            "Whether it still holds shows when the collector is back.",
        ),
    ),
    Case(
        "HeadstartRegression",
        "its collector was down, is back, and the level with it",
        {
            **shift({**SHIFT, **TARGET}, 1.25, {"none": "1x10 stale"}, "x10 stale"),
            UP: "1x10 0x60 1x60",
        },
        at="1h20m",
    ),
    Case(
        "HeadstartRegression",
        "its collector was taken out of the targets",
        {
            **shift({**SHIFT, **TARGET}, 1.25, {"none": "1x10 stale"}, "x10 stale"),
            UP: "1x10 0x60 stale",
        },
        at="1h20m",
    ),
    Case(
        "HeadstartRegression",
        "a figure got better",
        shift({**SHIFT, "change": "better", "direction": "fell"}, 0.5, {"none": "1x20"}),
        at="5m",
    ),
    Case(
        "HeadstartRegression",
        "its level is back",
        shift(SHIFT, 1.25, {"none": "1x5 stale"}, "x5 stale"),
        at="15m",
    ),
    Case(
        "HeadstartRegressionConfirmed",
        "old and new, run again in turns, differ",
        shift(SHIFT, 1.25, {"rerun": "1x20"}),
        at="5m",
        labels=LABELS,
        says=(
            f"Confirmed: {SAYS}",
            (
                f"{LEVELS} A rerun of the old image against the new one, in turns (run r3), "
                "found the difference too."
                f"{WHAT_TO_DO}"
            ),
        ),
    ),
    Case(
        "HeadstartRegressionConfirmed",
        "nobody has run it again",
        shift(SHIFT, 1.25, {"exact": "1x20"}),
        at="5m",
    ),
)
