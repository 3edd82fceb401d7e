"""Alerts about lasting changes of a figure over revisions.

The collector judges each series once a run; docs/METHODOLOGY.md says how.
"""

from headstart.dashboards.alerts.alert import About, Alert
from headstart.dashboards.alerts.evidence import CENTER, FIGURE, HIGH, LOW, METRIC, Evidence
from headstart.dashboards.board_uids import HISTORY
from headstart.dashboards.configuration import Configuration
from headstart.words.verdicts import Verdict

# By how much, as a share of the old level. Open shifts, whatever became of their rerun.
_OPEN = f'abs(headstart_shift_ratio{{change="{Verdict.WORSE}",stat="center"}} - 1)'
_CONFIRMED = f'{_OPEN} and on (store, shift) headstart_shift_info{{confirmation="rerun"}}'

_SUMMARY = (
    f"{METRIC} of {{{{ $labels.variant }}}} of {{{{ $labels.experiment }}}} "
    "{{ $labels.direction }} by {{ $value | humanizePercentage }} on {{ $labels.cpu_model }}, "
    "since revision {{ $labels.new_revision }}"
)
_BOARD_LABELS = ("experiment", "cpu_model", "variant", "metric")
_OLD, _NEW = 'level="old"', 'level="new"'
_RATIO, _LEVEL, _INFO = "headstart_shift_ratio", "headstart_shift_level", "headstart_shift_info"


def shifts(configuration: Configuration) -> tuple[Alert, ...]:
    """What got worse, and whether a rerun confirmed it."""
    soon = configuration.scrape.twice
    of_shift = Evidence(configuration, "store", "shift")
    return (
        Alert(
            "HeadstartRegression",
            "warning",
            About.EXPERIMENT,
            _OPEN,
            soon,
            _SUMMARY,
            "".join(
                (
                    _levels(of_shift),
                    of_shift.where(
                        _INFO,
                        'confirmation="none"',
                        " No rerun of the old image against the new one has confirmed it (yet).",
                    ),
                    of_shift.where(
                        _INFO,
                        'confirmation="exact"',
                        " The figure does not vary: one run is enough.",
                    ),
                    _what_to_do(),
                )
            ),
            HISTORY,
            _BOARD_LABELS,
            FIGURE,
        ),
        Alert(
            "HeadstartRegressionConfirmed",
            "critical",
            About.EXPERIMENT,
            _CONFIRMED,
            soon,
            f"Confirmed: {_SUMMARY}",
            "".join(
                (
                    _levels(of_shift),
                    " A rerun of the old image against the new one, in turns (run ",
                    of_shift.label("rerun_run_id", _INFO),
                    "), found the difference too.",
                    _what_to_do(),
                )
            ),
            HISTORY,
            _BOARD_LABELS,
            FIGURE,
        ),
    )


def _levels(of_shift: Evidence) -> str:
    interval = of_shift.where(
        _RATIO,
        LOW,
        f", interval {of_shift.number(_RATIO, LOW)} to {of_shift.number(_RATIO, HIGH)}",
    )
    return (
        f"It was {of_shift.figure(_LEVEL, _OLD)} up to revision "
        "{{ $labels.old_revision }} (the last good one, run "
        f"{of_shift.label('old_run_id', _INFO)}) and is "
        f"{of_shift.figure(_LEVEL, _NEW)} since revision "
        "{{ $labels.new_revision }} (the first bad one, run "
        f"{of_shift.label('new_run_id', _INFO)} on {{{{ $labels.host }}}}): "
        f"{of_shift.number(_RATIO, CENTER)} times{interval}."
    )


def _what_to_do() -> str:
    return (
        " Its course: headstart history {{ $labels.experiment }} --metric {{ $labels.metric }}. "
        "It is shift {{ $labels.shift }}; where the new level is what is wanted: headstart accept "
        "{{ $labels.shift }}."
    )
