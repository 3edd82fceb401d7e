import re
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

from headstart.collector.report.formats.html import render_html
from support.fake_runs import Fake
from support.odd_results import ODD

VOID = {"meta", "br", "hr", "img", "link", "input"}


class Page(HTMLParser):
    """Elements, ids and attributes; complains of an element that is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str | None]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def text() -> str:
    return render_html(Fake().result())


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_every_plot_is_there_as_one_svg(page: Page) -> None:
    assert page.tags["svg"] == 7


def test_answer_verdicts_and_ratios_stand_before_all_else(text: str) -> None:
    places = [
        text.index(mark)
        for mark in (
            '<h2 id="recommended">',
            '<table class="plain overview">',
            '<figure class="ratios">',
            '<h2 id="run">',
        )
    ]

    assert places == sorted(places)
    # Each figure with its verdict.
    assert "better</span></td>" in text[places[1] : places[2]]


def test_one_cause_is_told_once(text: str) -> None:
    assert text.count("exited with status 134") == 1
    assert text.count("AssertConfigurationIsValid") == 1


def test_ids_are_unique_and_references_lead_somewhere(page: Page, text: str) -> None:
    ids = Counter(value for _, name, value in page.attributes if name == "id")
    references = set(re.findall(r"url\(#([^)]+)\)", text)) | {
        str(value)[1:] for _, name, value in page.attributes if name in ("href", "xlink:href")
    }
    labelled = {str(v) for _, name, v in page.attributes if name == "aria-labelledby"}

    assert max(ids.values()) == 1
    assert references <= set(ids)
    assert labelled <= set(ids)


def test_nothing_is_fetched_and_nothing_runs(page: Page, text: str) -> None:
    assert page.tags["script"] == page.tags["link"] == page.tags["img"] == 0
    fetching = {"src", "action", "srcset", "data", "poster"}
    assert not [a for a in page.attributes if a[1] in fetching or a[1].startswith("on")]
    assert "@import" not in text
    assert "url(http" not in text
    assert "default-src 'none'" in text


def test_output_of_the_measured_program_is_escaped(text: str) -> None:
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text
    assert "\x1b" not in text
    assert "{image: &lt;b&gt;}" in text


def test_every_colour_is_themed(text: str) -> None:
    used = set(re.findall(r"var\((--\w+)\)", text))
    style = text[text.index("<style>") : text.index("</style>")]
    light, dark = style.split("@media (prefers-color-scheme: dark)", 1)

    assert used <= set(re.findall(r"(--\w+):", light))
    assert used <= set(re.findall(r"(--\w+):", dark))
    plots = text[text.index('class="plots"') :]
    assert not re.findall(r"(?:fill|stroke): #", plots)


def test_text_in_plots_stays_text(text: str) -> None:
    assert re.search(r"<text[^>]*>exec to first correct response, ms</text>", text)


@pytest.mark.parametrize("name", ODD)
def test_a_run_that_went_wrong_still_has_its_page(name: str) -> None:
    page = Page(render_html(ODD[name]()))

    assert page.tags["h1"] == 1


def test_left_out_trials_are_hollow_marks() -> None:
    text = render_html(ODD["one flagged"]())

    assert "1 left out" in text
    assert "Invalid trials" in text


def test_figures_from_flagged_trials_are_marked_in_place_and_at_the_top() -> None:
    text = render_html(ODD["all flagged"]())

    assert 'class="flagged"' in text
    assert text.index("Limits of this run") < text.index("In short")


def test_the_same_result_gives_the_same_page() -> None:
    result = ODD["one flagged"]()

    assert render_html(result) == render_html(result)


def test_plots_are_drawn_by_no_one_who_did_not_ask() -> None:
    code = (
        "import sys, headstart.collector.report.render, "
        "headstart.collector.report.formats.terminal_report;"
        "sys.exit(any(name in sys.modules for name in ('matplotlib', 'numpy')))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.chromium
@pytest.mark.parametrize("width", [390, 1200])
def test_a_browser_builds_the_page_without_loss(text: str, width: int, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    report.write_text(text)
    found = subprocess.run(
        [
            "chromium",
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            f"--user-data-dir={tmp_path / 'profile'}",
            f"--window-size={width},2000",
            "--dump-dom",
            report.as_uri(),
        ],
        capture_output=True,
        check=True,
        timeout=90,
    )

    dom = found.stdout.decode()
    assert dom.count("<svg") == 7
    assert dom.count("</figure>") == 7
    assert "How to run it again" in dom
