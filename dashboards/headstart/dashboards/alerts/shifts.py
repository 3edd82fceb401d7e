"""Alerts about lasting changes of a figure over revisions.

The collector judges each series once a run; docs/METHODOLOGY.md says how.
"""

from headstart.dashboards.alerts.alert import Alert
from headstart.dashboards.board_uids import COMPARED
from headstart.dashboards.configuration import Configuration
from headstart.words.verdicts import Verdict

_SHIFT = (
    "{{ $labels.metric }} of {{ $labels.variant }} of {{ $labels.experiment }} got worse since "
    "revision {{ $labels.new_revision }}"
)
_SHIFTED = (
    "On {{ $labels.cpu_model }} it is {{ $value | humanize }} times what it was, "
    "and stays so from run to run. "
)
_WORSE = f'max without (stat) (headstart_shift_ratio{{change="{Verdict.WORSE}",stat="center"}})'
_CONFIRMED = 'headstart_shift_info{confirmation="rerun"}'
_BOARD_LABELS = ("experiment", "cpu_model", "variant", "metric")


def shifts(configuration: Configuration) -> tuple[Alert, ...]:
    """What got worse, and whether a rerun confirmed it."""
    soon = configuration.scrape.twice
    return (
        Alert(
            "HeadstartRegression",
            "warning",
            f"{_WORSE} unless on (store, shift) {_CONFIRMED}",
            soon,
            _SHIFT,
            f"{_SHIFTED}No rerun of the old image against the new one has confirmed it (yet).",
            COMPARED,
            _BOARD_LABELS,
        ),
        Alert(
            "HeadstartRegressionConfirmed",
            "critical",
            f"{_WORSE} and on (store, shift) {_CONFIRMED}",
            soon,
            _SHIFT,
            f"{_SHIFTED}The old image and the new one, run again in turns, differ too.",
            COMPARED,
            _BOARD_LABELS,
        ),
    )
