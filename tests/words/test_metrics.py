"""Metrics stand once: what is said of one elsewhere is made of its word."""

import re
from pathlib import Path

from headstart.words.metric import Rank
from headstart.words.metrics import MAIN, METRICS, STARTUP

ROOT = Path(__file__).parents[2]
PARTS = ("words", "agent", "collector", "dashboards", "cli")
# The column of an export's windows, and the unit, are called alike and are something else.
NAMESAKES = {
    "latency_p50_seconds": {"layout.py", "window_rows.py"},
    "latency_p99_seconds": {"layout.py", "window_rows.py"},
    "jobs_per_second": {"metric.py"},
}


def test_no_other_module_spells_a_metrics_name() -> None:
    spelled = re.compile(rf"[\"']({'|'.join(METRICS)})[\"']")
    found = {
        f"{file.relative_to(ROOT)}: {name}"
        for part in PARTS
        for file in (ROOT / part).rglob("*.py")
        if file.name != "metrics.py"
        for name in spelled.findall(file.read_text())
        if file.name not in NAMESAKES.get(name, ())
    }

    assert found == set()


def test_tests_name_startup_by_its_word_too() -> None:
    """But where an older store is held to what it said."""
    spelled = re.compile(rf"[\"']{STARTUP.name}[\"']")
    found = [
        file.name
        for part in ("tests", "bench", "fuzz")
        for file in (ROOT / part).rglob("*.py")
        if spelled.search(file.read_text())
    ]

    assert len(found) <= 2, found


def test_a_metrics_name_has_its_unit() -> None:
    assert [each.name for each in METRICS.values() if each.unit not in each.name] == []


def test_headlines_stand_among_the_main_figures_in_the_order_of_tables() -> None:
    assert {each.name for each in METRICS.values() if each.headline} < {each.name for each in MAIN}
    assert [each.name for each in MAIN] == [
        name for name, each in METRICS.items() if each.rank is not Rank.FURTHER
    ]
