"""The reference of all metrics in docs/OBSERVABILITY.md.

`python -m headstart.collector.metrics.reference docs/OBSERVABILITY.md` writes it anew
between its two marks; a test holds the document to it.
"""

import sys
from collections.abc import Iterable

from headstart.collector.generated import write_part
from headstart.collector.metrics.families import (
    HOST_FAMILIES,
    RESULT_FAMILIES,
    RUN_LABELS,
    SHIFT_FAMILIES,
    SHIFT_LABELS,
)
from headstart.collector.metrics.page import Exposition
from headstart.collector.own_metrics import SelfMetrics

BEGIN = "<!-- metrics: generated, do not edit -->"
END = "<!-- /metrics -->"


def reference() -> str:
    """Four tables: results, shifts, hosts, the collector itself."""
    own = SelfMetrics("reference")
    Exposition(own, "reference")
    return "\n".join(
        [
            "Each series has `store`, the id of the collector's store, beside the labels below.",
            "",
            "### Results",
            "",
            f"All are gauges with the labels {_code(RUN_LABELS)} and those in the table.",
            "",
            *_table(
                (
                    family.name,
                    [x for x in family.labels if x not in RUN_LABELS],
                    family.documentation,
                )
                for family in RESULT_FAMILIES
            ),
            "",
            "### Shifts",
            "",
            f"All are gauges with the labels {_code(SHIFT_LABELS)} and those in the table.",
            "",
            *_table(
                (
                    family.name,
                    [x for x in family.labels if x not in SHIFT_LABELS],
                    family.documentation,
                )
                for family in SHIFT_FAMILIES
            ),
            "",
            "### Hosts",
            "",
            *_table((family.name, family.labels, family.documentation) for family in HOST_FAMILIES),
            "",
            "### The collector itself",
            "",
            *_table(
                (
                    f"{family.name}_total" if family.type == "counter" else family.name,
                    sorted({label for s in family.samples for label in s.labels} - {"le"}),
                    f"{family.type.capitalize()}. {family.documentation}",
                )
                for family in own.families()
                if family.name.startswith("headstart_")
            ),
        ]
    )


def _table(rows: Iterable[tuple[str, Iterable[str], str]]) -> list[str]:
    return [
        "| metric | labels | meaning |",
        "| --- | --- | --- |",
        *(f"| `{name}` | {_code(labels)} | {meaning} |" for name, labels, meaning in rows),
    ]


def _code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


if __name__ == "__main__":
    write_part(sys.argv[1], BEGIN, END, reference())
