"""What an alert is, and how it becomes a rule."""

from dataclasses import dataclass
from typing import Any

from headstart.dashboards.configuration import Configuration, Duration, selected

# Whom and what alerts are about, in the words of Prometheus's templates.
VARIANT = "{{ $labels.variant }} of {{ $labels.experiment }} on {{ $labels.host }}"
RUN = "{{ $labels.experiment }} on {{ $labels.host }}"


@dataclass(frozen=True)
class Alert:
    """One alert; its runbook is docs/runbooks/<name>.md.

    `expr` names no selector of the configuration: each metric gets it when the rule is made.
    """

    name: str
    # Unless the configuration says another one.
    severity: str
    expr: str
    # How long `expr` has to hold; two scrapes at least.
    lasts: Duration
    summary: str
    description: str
    # The board that shows it, by its UID, and the labels by which its variables are set.
    board: str = ""
    board_labels: tuple[str, ...] = ()

    def rule(self, configuration: Configuration) -> dict[str, Any]:
        """As a rule of a Prometheus rule file."""
        settings = configuration.alerts
        return {
            "alert": self.name,
            "expr": selected(self.expr, configuration.scrape.selector),
            "for": str(max(self.lasts, configuration.scrape.twice)),
            "labels": {
                "severity": settings.severities.get(self.name, self.severity),
                **settings.labels,
            },
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "runbook_url": f"{configuration.external_url.runbooks}/{self.name}.md",
                **self._dashboard(configuration.external_url.grafana),
            },
        }

    def _dashboard(self, grafana: str) -> dict[str, str]:
        if not grafana or not self.board:
            return {}
        chosen = "&".join(
            f"var-{label}={{{{ $labels.{label} | urlquery }}}}" for label in self.board_labels
        )
        return {"dashboard_url": f"{grafana}/d/{self.board}" + (f"?{chosen}" if chosen else "")}


def recent_run(configuration: Configuration) -> str:
    """A guard of alerts about a result: its run ended not long ago."""
    seconds = configuration.thresholds.result_holds.seconds
    return (
        "and on (store, experiment, host) "
        f"(time() - headstart_run_end_timestamp_seconds < {seconds})"
    )
