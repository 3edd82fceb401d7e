"""A metric is its word and its take: neither without the other, and nothing beside them."""

import subprocess
import sys

from headstart.collector.analysis import builds, images, pulls
from headstart.collector.analysis.trials import ramp
from headstart.collector.analysis.trials.takes import EXTRACTORS
from headstart.collector.analysis.verdict import memory_floor
from headstart.words.metrics import METRICS

# A process in which one more word stands in words/metrics.py, and its take among the others.
WITH_A_MADE_UP_METRIC = '''
import sys
from pathlib import Path
from types import ModuleType

import headstart.words

WORD = """
FILES_IDLE = Metric(
    name="files_idle_bytes",
    title="Files mapped idle",
    unit=Unit.BYTES,
    description="Made up for this test.",
    stage=Stage.ANY,
    rank=Rank.MAIN,
)
"""

[folder] = headstart.words.__path__
text = Path(folder, "metrics.py").read_text()
end = text.index("# In the order above")
words = sys.modules["headstart.words.metrics"] = ModuleType("headstart.words.metrics")
exec(text[:end] + WORD + text[end:], words.__dict__)
headstart.words.metrics = words

from headstart.collector.analysis.trials.takes import EXTRACTORS

EXTRACTORS[words.FILES_IDLE] = lambda data: 7e6

from headstart.collector.experiments.json_schema import schema
from headstart.collector.export.layout import METRICS as EXPORTED
from headstart.collector.metrics.page import Exposition
from headstart.collector.own_metrics import SelfMetrics
from headstart.collector.report.formats.markdown import render_markdown
from headstart.dashboards.generate import dashboards
from support.dashboard_json import expressions
from support.fake_runs import small

result = small(blocks=3).result()
exposition = Exposition(SelfMetrics("0.1.0"), "store", detailed=True)
exposition.update([result], [], [])
name, series = words.FILES_IDLE.name, words.FILES_IDLE.series
found = {
    "figure": result.figure(name, "aot").center == 7e6,
    "comparison": result.comparison(name, "aot").ratio == 1.0,
    "report": words.FILES_IDLE.title in render_markdown(result),
    "exposition": series in exposition.scrape().decode(),
    "dashboards": any(series in expr for board in dashboards() for expr in expressions(board)),
    "schema": name in str(schema()),
    "export": words.FILES_IDLE in EXPORTED,
}
print(sorted(where for where, there in found.items() if not there))
'''


def test_each_word_has_one_take_and_each_take_its_word() -> None:
    takes = (
        *EXTRACTORS,
        *ramp.TAKES,
        *images.TAKES,
        *pulls.TAKES,
        *builds.TAKES,
        *memory_floor.TAKES,
    )

    assert sorted(each.name for each in takes) == sorted(METRICS)


def test_a_word_and_a_take_are_all_that_a_metric_is_made_of() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", WITH_A_MADE_UP_METRIC],
        env={"PYTHONPATH": ":".join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ran.stdout.strip(), ran.stderr) == ("[]", "")
