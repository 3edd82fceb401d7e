"""docs/OBSERVABILITY.md against the code."""

from pathlib import Path

from headstart.collector.generated import with_part
from headstart.collector.metrics.reference import BEGIN, END, reference

DOCUMENT = Path(__file__).parents[3] / "docs" / "OBSERVABILITY.md"


def test_the_document_has_the_metrics_that_are_exposed() -> None:
    text = DOCUMENT.read_text()

    assert text == with_part(text, BEGIN, END, reference()), (
        "run `python -m headstart.collector.metrics.reference docs/OBSERVABILITY.md`"
    )


def test_tables_name_every_kind_of_metric_with_its_labels() -> None:
    tables = reference()

    assert "| `headstart_startup_seconds` | `variant`, `stat` | Startup. " in tables
    assert "| `headstart_host_up` | `host` | 1 while" in tables
    assert "| `headstart_collector_refused_total` | `reason` | Counter. " in tables
    assert "| `headstart_collector_commit_seconds` |  | Histogram. " in tables
    assert "| `headstart_exposition_dropped_series` | `reason` | Gauge. " in tables
