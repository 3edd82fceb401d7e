"""What an alert's text looks up in Prometheus when it fires: figures, runs, revisions.

A label with a figure in it would make a new alert of each figure, so figures are values, and the
text asks for them by the labels that the alert has.
"""

import json

from headstart.dashboards.configuration import Configuration, selected
from headstart.words.metric import Unit

UNKNOWN = "unknown"

CENTER, LOW, HIGH = (f'stat="{stat}"' for stat in ("center", "ci_low", "ci_high"))

# `template "figure" (args UNIT VALUE)`: a figure with its unit, as people write it. An alert
# whose text has one names this under its templates.
FIGURE = (
    '{{ define "figure" }}'
    f'{{{{ if eq .arg0 "{Unit.SECONDS}" }}}}{{{{ .arg1 | humanizeDuration }}}}'
    f'{{{{ else if eq .arg0 "{Unit.BYTES}" }}}}{{{{ .arg1 | humanize }}}}B'
    f'{{{{ else if eq .arg0 "{Unit.PER_SECOND}" }}}}{{{{ .arg1 | humanize }}}}/s'
    f'{{{{ else if eq .arg0 "{Unit.JOBS_PER_SECOND}" }}}}{{{{ .arg1 | humanize }}}} jobs/s'
    '{{ else }}{{ printf "%.3g" .arg1 }}{{ end }}{{ end }}'
)

# The alert's metric without its unit: "throughput steady".
METRIC = (
    '{{ $labels.metric | reReplaceAll "_('
    + "|".join(sorted(Unit, key=len, reverse=True))
    + ')$" "" | reReplaceAll "_" " " }}'
)


class Evidence:
    """Pieces of text about the series that have the same values of some labels as the alert."""

    def __init__(self, configuration: Configuration, *labels: str) -> None:
        self._selector = configuration.scrape.selector
        self._labels = labels

    def figure(self, metric: str, matchers: str) -> str:
        """The value of the one series, in the alert's label `unit`."""
        return self._found(
            metric, matchers, '{{ template "figure" (args $labels.unit (. | first | value)) }}'
        )

    def number(self, metric: str, matchers: str = "") -> str:
        """The value of the one series, as a number with three digits."""
        return self._found(metric, matchers, '{{ . | first | value | printf "%.3g" }}')

    def label(self, name: str, metric: str, matchers: str = "") -> str:
        """A label of the one series."""
        return self._found(metric, matchers, f'{{{{ . | first | label "{name}" }}}}')

    def where(self, metric: str, matchers: str, text: str) -> str:
        """`text` where there is such a series."""
        return f"{{{{ with {self._query(metric, matchers)} }}}}{text}{{{{ end }}}}"

    def _found(self, metric: str, matchers: str, shown: str) -> str:
        query = self._query(metric, matchers)
        return f"{{{{ with {query} }}}}{shown}{{{{ else }}}}{UNKNOWN}{{{{ end }}}}"

    def _query(self, metric: str, matchers: str) -> str:
        chosen = f"{metric}{{{matchers}}}"
        fixed = selected(chosen, self._selector).replace("%", "%%")
        equal = ",".join(f"{label}=%q" for label in self._labels)
        asked = fixed.removesuffix("}") + (
            f",{equal}}}" if not fixed.endswith("{}") else f"{equal}}}"
        )
        given = " ".join(f"$labels.{label}" for label in self._labels)
        return f"printf {json.dumps(asked)} {given} | query"
