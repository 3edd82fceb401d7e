"""The table of metrics in docs/EXPERIMENT.md.

`python -m headstart.collector.experiments.reference docs/EXPERIMENT.md` writes it anew between
its two marks; a test holds the document to it.
"""

import sys

from headstart.collector.generated import write_part
from headstart.words.metric import Unit
from headstart.words.metrics import METRICS

BEGIN = "<!-- metrics: generated, do not edit -->"
END = "<!-- /metrics -->"

_STATED_AS = {
    Unit.SECONDS: "duration",
    Unit.BYTES: "size",
    Unit.PER_SECOND: "rate",
    Unit.JOBS_PER_SECOND: "rate",
}


def reference() -> str:
    """How a limit for each metric is stated, its margin, and what it is."""
    rows = (
        f"| `{each.name}` | {_STATED_AS[each.unit]} | {each.margin * 100:g} % "
        f"| {each.description} |"
        for each in METRICS.values()
    )
    head = ["| metric | limits are a | margin | what it is |", "| --- | --- | --- | --- |"]
    return "\n".join([*head, *rows])


if __name__ == "__main__":
    write_part(sys.argv[1], BEGIN, END, reference())
