"""Alerts about the latest run of an experiment on a host."""

from headstart.dashboards.alerts.alert import RUN, VARIANT, About, Alert, recent_run
from headstart.dashboards.alerts.evidence import CENTER, FIGURE, HIGH, LOW, METRIC, Evidence
from headstart.dashboards.board_uids import RUN as RUN_BOARD
from headstart.dashboards.configuration import Configuration
from headstart.words.outcomes import OWN_FAULTS, RAN
from headstart.words.states import RECORDS_GONE, RunWord
from headstart.words.verdicts import GateStatus

_OUTCOME = "{{ $labels.outcome }}"
_OF_THE_APP = (*RAN, *OWN_FAULTS)
# Of runs that nothing, or not everything, is judged by.
_NOT_WHOLE = (RunWord.FAILED, *RECORDS_GONE)
_BOARD_LABELS = ("experiment", "host")


def results(configuration: Configuration) -> tuple[Alert, ...]:
    """What is wrong with a variant, or with how it was measured."""
    recent = recent_run(configuration)
    soon = configuration.scrape.twice
    run = Evidence(configuration, "store", "experiment", "host")
    of_variant = Evidence(configuration, "store", "experiment", "host", "variant")
    report = f" Run {run.label('run_id', 'headstart_run_info')}, revision " + run.label(
        "revision", "headstart_run_info"
    )
    report += f": headstart report {run.label('run_id', 'headstart_run_info')}."
    return (
        Alert(
            "HeadstartVariantFailsChecks",
            "critical",
            About.EXPERIMENT,
            f"headstart_checks_failed > 0 {recent}",
            soon,
            f"{VARIANT} answers wrongly",
            "Wrong answers to checks in the latest run: {{ $value }}; right ones: "
            f"{of_variant.number('headstart_checks_passed')}. However fast it is, it is not the "
            f"same program.{report}",
            RUN_BOARD,
            _BOARD_LABELS,
        ),
        Alert(
            "HeadstartVariantDoesNotStart",
            "critical",
            About.EXPERIMENT,
            f'headstart_variant_outcome{{outcome=~"{"|".join(OWN_FAULTS)}"}} == 1 {recent}',
            soon,
            f"{VARIANT} {_OUTCOME}",
            "No trial of the latest run got a correct response. The report has its last "
            f"output.{report}",
            RUN_BOARD,
            _BOARD_LABELS,
        ),
        Alert(
            "HeadstartVariantNotMeasured",
            "warning",
            About.HOST,
            f'headstart_variant_outcome{{outcome!~"{"|".join(_OF_THE_APP)}"}} == 1 {recent}',
            soon,
            f"{VARIANT} was not measured: {_OUTCOME}",
            "The app is not to blame: the host, its engine, its policy or the experiment is, and "
            f"the report says which.{report}",
            RUN_BOARD,
            _BOARD_LABELS,
        ),
        Alert(
            "HeadstartGateFailed",
            "critical",
            About.EXPERIMENT,
            f'headstart_gate_limit{{outcome="{GateStatus.FAILED}",stated="yes"}} {recent}',
            soon,
            f"{VARIANT} misses its gate on {METRIC}",
            _missed_gate(configuration) + report,
            RUN_BOARD,
            _BOARD_LABELS,
            FIGURE,
        ),
        Alert(
            "HeadstartManyInvalidTrials",
            "warning",
            About.HOST,
            "headstart_trials_invalid / headstart_trials "
            f"> {configuration.thresholds.invalid_share} {recent}",
            soon,
            f"{{{{ if eq $value 1.0 }}}}All{{{{ else }}}}Many{{{{ end }}}} trials of {VARIANT} "
            "were disturbed",
            "{{ $value | humanizePercentage }} of the trials of the latest run. Starts and memory "
            "count by the bounds that their records give, and what is decided of them holds in the "
            f"worst case; figures under a disturbed load are left out.{report}",
            RUN_BOARD,
            _BOARD_LABELS,
        ),
        Alert(
            "HeadstartRunIncomplete",
            "warning",
            About.HOST,
            # Without what is another's at each run, so that it is one alert until one is whole.
            "max without (run_id, revision) "
            f'(headstart_run_info{{state=~"{"|".join(_NOT_WHOLE)}"}}) {recent}',
            soon,
            f"The latest run of {RUN} is {{{{ $labels.state }}}}",
            "It is decided by what it measured until then: not at all where that is nothing, or "
            f"where records are missing.{report}",
            RUN_BOARD,
            ("experiment", "host"),
        ),
    )


def _missed_gate(configuration: Configuration) -> str:
    gate = Evidence(
        configuration, "store", "experiment", "host", "variant", "metric", "kind", "unit"
    )
    value = "headstart_gate_value"
    interval = gate.where(
        value,
        LOW,
        f" (95 % interval {gate.figure(value, LOW)} to {gate.figure(value, HIGH)})",
    )
    return "".join(
        (
            "It has to be {{ $labels.side }} ",
            '{{ template "figure" (args $labels.unit $value) }}',
            '{{ if eq $labels.kind "margin" }} times the baseline{{ end }} and is ',
            gate.figure(value, CENTER),
            interval,
            ": the whole interval lies beyond the limit, so the variant is rejected.",
        )
    )
