"""Alerts about the latest run of an experiment on a host."""

from headstart.dashboards.alerts.alert import VARIANT, Alert, recent_run
from headstart.dashboards.board_uids import COMPARED
from headstart.dashboards.configuration import Configuration
from headstart.words.outcomes import OWN_FAULTS, RAN
from headstart.words.verdicts import GateStatus

_OUTCOME = "{{ $labels.outcome }}"
_OF_THE_APP = (*RAN, *OWN_FAULTS)
_BOARD_LABELS = ("experiment", "host", "variant")


def results(configuration: Configuration) -> tuple[Alert, ...]:
    """What is wrong with a variant, or with how it was measured."""
    recent = recent_run(configuration)
    soon = configuration.scrape.twice
    return (
        Alert(
            "HeadstartVariantFailsChecks",
            "critical",
            f"headstart_checks_failed > 0 {recent}",
            soon,
            f"{VARIANT} answers wrongly",
            "{{ $value }} checks failed in the latest run. However fast it is, it is not the same "
            "program.",
            COMPARED,
            _BOARD_LABELS,
        ),
        Alert(
            "HeadstartVariantDoesNotStart",
            "critical",
            f'headstart_variant_outcome{{outcome=~"{"|".join(OWN_FAULTS)}"}} == 1 {recent}',
            soon,
            f"{VARIANT} {_OUTCOME}",
            "No trial of the latest run got a correct response. The report has its last output.",
            COMPARED,
            _BOARD_LABELS,
        ),
        Alert(
            "HeadstartVariantNotMeasured",
            "warning",
            f'headstart_variant_outcome{{outcome!~"{"|".join(_OF_THE_APP)}"}} == 1 {recent}',
            soon,
            f"{VARIANT} was not measured: {_OUTCOME}",
            "The app is not to blame: the host, its engine or the experiment is.",
            COMPARED,
            _BOARD_LABELS,
        ),
        Alert(
            "HeadstartGateFailed",
            "critical",
            f'headstart_gate_limit{{outcome="{GateStatus.FAILED}",stated="yes"}} {recent}',
            soon,
            f"{VARIANT} fails its gate on {{{{ $labels.metric }}}}",
            "The whole interval of the latest run lies beyond the limit ({{ $labels.side }} "
            "{{ $value }} {{ $labels.unit }}) that the experiment states, so the variant is "
            "rejected.",
            COMPARED,
            _BOARD_LABELS,
        ),
        Alert(
            "HeadstartManyInvalidTrials",
            "warning",
            "headstart_trials_invalid / headstart_trials "
            f"> {configuration.thresholds.invalid_share} {recent}",
            soon,
            f"Many trials of {VARIANT} are invalid",
            "{{ $value | humanizePercentage }} of the trials of the latest run were disturbed and "
            "are left out of verdicts.",
            COMPARED,
            _BOARD_LABELS,
        ),
    )
