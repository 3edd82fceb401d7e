"""What an alert is, and how it becomes a rule."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from headstart.dashboards.configuration import Configuration, Duration, selected

# Whom and what alerts are about, in the words of Prometheus's templates.
VARIANT = "{{ $labels.variant }} of {{ $labels.experiment }} on {{ $labels.host }}"
RUN = "{{ $labels.experiment }} on {{ $labels.host }}"
# What tells one latest run from another in joins.
OF_RUN = "on (store, experiment, host)"
# The alert that holds all others: see `_held`.
COLLECTOR_DOWN = "HeadstartCollectorDown"


class About(StrEnum):
    """What an alert is about: Alertmanager groups by it, so that one cause is one message."""

    EXPERIMENT = "experiment"
    HOST = "host"
    COLLECTOR = "collector"


@dataclass(frozen=True)
class Alert:
    """One alert; its runbook is docs/runbooks/<name>.md.

    `expr` names no selector of the configuration: each metric gets it when the rule is made.
    """

    name: str
    # Unless the configuration says another one.
    severity: str
    about: About
    expr: str
    # How long `expr` has to hold; two scrapes at least.
    lasts: Duration
    summary: str
    description: str
    # The board that shows it, by its UID, and the labels by which its variables are set.
    board: str = ""
    board_labels: tuple[str, ...] = ()
    # Templates that its texts use, each with its name: `{{ define "..." }}...{{ end }}`.
    templates: str = ""

    def rule(self, configuration: Configuration) -> dict[str, Any]:
        """As a rule of a Prometheus rule file."""
        settings = configuration.alerts
        expr = selected(self.expr, configuration.scrape.selector)
        keeps, texts = {}, (self.summary, self.description)
        if self.name != COLLECTOR_DOWN:
            keeps = {"keep_firing_for": str(configuration.outlives_collector)}
        if self.name != COLLECTOR_DOWN and COLLECTOR_DOWN not in settings.off:
            expr += f" or {self._held(configuration)}"
            texts = (_unless_held(self._held_summary, texts[0]), _unless_held(_HELD, texts[1]))
        summary, description = texts
        return {
            "alert": self.name,
            "expr": expr,
            "for": str(max(self.lasts, configuration.scrape.twice)),
            **keeps,
            "labels": {
                "severity": settings.severities.get(self.name, self.severity),
                "about": self.about.value,
                **settings.labels,
            },
            "annotations": {
                "summary": summary,
                "description": self.templates + description,
                "runbook_url": f"{configuration.external_url.runbooks}/{self.name}.md",
                **self._dashboard(configuration.external_url.grafana),
            },
        }

    def _held(self, configuration: Configuration) -> str:
        """Itself, with the value -1, as long as it fires and its collector is down.

        A collector that dies takes its series along, which must not look like trouble that is
        over. Until the alert about the collector fires, this one outlives them by
        `keep_firing_for`, which is no longer than it has to be: it delays what is really over.
        """
        own = ("alertname", "alertstate", "severity", "about", *configuration.alerts.labels)
        firing = f'ALERTS{{alertname="{self.name}",alertstate="firing"}}'
        down = f'ALERTS{{alertname="{COLLECTOR_DOWN}",alertstate="firing"}}'
        return f"(-max without ({', '.join(own)}) ({firing}) and on (job, instance) {down})"

    @property
    def _held_summary(self) -> str:
        return f"{self.name} fired before its collector {{{{ $labels.instance }}}} went down"

    def _dashboard(self, grafana: str) -> dict[str, str]:
        if not grafana or not self.board:
            return {}
        chosen = "&".join(
            f"var-{label}={{{{ $labels.{label} | urlquery }}}}" for label in self.board_labels
        )
        return {"dashboard_url": f"{grafana}/d/{self.board}" + (f"?{chosen}" if chosen else "")}


_HELD = "Whether it still holds shows when the collector is back."


def _unless_held(held: str, text: str) -> str:
    return f"{{{{ if lt $value 0.0 }}}}{held}{{{{ else }}}}{text}{{{{ end }}}}"


def recent_run(configuration: Configuration) -> str:
    """A guard of alerts about a result: its run ended not long ago."""
    seconds = configuration.thresholds.result_holds.seconds
    return f"and {OF_RUN} (time() - headstart_run_end_timestamp_seconds < {seconds})"


def counted(counter: str, within: Duration) -> str:
    """By how much a counter rose `within` a time: a whole number, which `increase()` is not.

    What began to be scraped meanwhile, or began anew, counts from its start.
    """
    return f"({counter} - {counter} offset {within} >= 0 or {counter})"
