import re
from dataclasses import replace

import pytest

from headstart.collector.findings import Interval, RunResult, Verdict
from headstart.collector.report.render import render
from headstart.collector.report.sentences.interval_words import interval_note
from headstart.collector.report.sentences.wording import courses, headlines
from headstart.v1.experiments_pb2 import ReportFormat
from headstart.words import metrics
from support.fake_runs import Fake, small
from support.odd_results import ODD, still_rising

TEXTS = (ReportFormat.REPORT_FORMAT_MARKDOWN, ReportFormat.REPORT_FORMAT_HTML)


@pytest.fixture(scope="module")
def players() -> RunResult:
    return Fake().result()


def texts(result: RunResult, variant: str = "aot") -> list[str]:
    return [sentence.text for sentence in headlines(result, variant)]


def with_ratio(
    ratio: float, low: float, high: float, verdict: Verdict, metric: str = metrics.STARTUP.name
) -> RunResult:
    result = small(blocks=5).result()
    changed = tuple(
        replace(c, ratio=ratio, interval=Interval(low, high), verdict=verdict)
        if c.metric == metric
        else c
        for c in result.comparisons
    )
    return replace(result, comparisons=changed)


def test_a_faster_start_is_a_factor_with_its_interval(players: RunResult) -> None:
    pattern = (
        r"aot starts 9\.\d+× faster than jit: 29\.\d ms against 2\d\d ms "
        r"\(95 % interval 9\.\d+–\d+\.\d+×, 12 blocks\)\."
    )

    assert re.fullmatch(pattern, texts(players)[0])


@pytest.mark.parametrize(
    ("ratio", "low", "high", "verdict", "said"),
    [
        (0.8, 0.75, 0.85, Verdict.BETTER, "starts in 20 % less time than jit"),
        (1.2, 1.1, 1.3, Verdict.WORSE, "takes 20 % more time to start than jit"),
        (3.0, 2.9, 3.1, Verdict.WORSE, "starts 3.00× slower than jit"),
        (1.01, 0.99, 1.02, Verdict.EQUIVALENT, "starts as fast as jit, within 5 %"),
        (0.95, 0.9, 1.0, Verdict.INCONCLUSIVE, "Whether aot starts faster than jit is undecided"),
    ],
)
def test_each_verdict_has_its_sentence(
    ratio: float, low: float, high: float, verdict: Verdict, said: str
) -> None:
    assert said in texts(with_ratio(ratio, low, high, verdict))[0]


def test_interval_ends_come_in_ascending_order() -> None:
    better = texts(with_ratio(0.8, 0.75, 0.86, Verdict.BETTER))[0]
    faster = texts(with_ratio(0.1, 0.08, 0.125, Verdict.BETTER))[0]

    assert "95 % interval 14–25 %" in better
    assert "95 % interval 8.00–12.5×" in faster


def test_a_report_whose_figures_were_taken_away_is_told_all_the_same() -> None:
    assert "95 % interval 8.00–∞×" in texts(with_ratio(0.1, 0.0, 0.125, Verdict.BETTER))[0]
    assert "starts ∞× faster than jit" in texts(with_ratio(0.0, 0.0, 0.125, Verdict.BETTER))[0]
    # Its inverse is more than a number holds.
    assert "starts ∞× faster than jit" in texts(with_ratio(5e-324, 0.0, 0.125, Verdict.BETTER))[0]


def test_memory_that_grew_is_a_factor_and_memory_that_shrank_a_share() -> None:
    grew = with_ratio(2.5, 2.4, 2.6, Verdict.WORSE, metrics.RSS_IDLE.name)
    shrank = with_ratio(0.3, 0.29, 0.31, Verdict.BETTER, metrics.RSS_IDLE.name)

    assert "aot needs 2.50× the memory idle of jit" in texts(grew)[1]
    assert "aot needs 70 % less memory idle than jit" in texts(shrank)[1]


def test_a_variant_that_failed_is_one_sentence(players: RunResult) -> None:
    unadvised = replace(players, recommendations=())

    assert texts(unadvised, "aot-broken") == [
        "aot-broken cannot be compared with jit: aot-broken does not start."
    ]


def test_where_a_recommendation_says_so_it_is_none(players: RunResult) -> None:
    assert texts(players, "aot-broken") == []


def test_courses_tell_warm_up_from_level(players: RunResult) -> None:
    jit, _, aot, *_ = courses(players)

    assert re.fullmatch(
        r"jit warms up: 8,\d{3} req/s in the first 5 s of load, "
        r"steady throughput 14,\d{3} req/s from \d\d\.\d s on, "
        r"as far as 60\.0 s show \(4 trials\)\.",
        jit,
    )
    assert aot.startswith(
        "aot is level from the start, as far as 60.0 s show: steady throughput 14,"
    )


def test_a_comparison_of_steady_throughput_says_how_long_was_looked(players: RunResult) -> None:
    steady = [text for text in texts(players, "aot") if "steady throughput" in text]

    assert len(steady) == 1
    assert "(as far as 60.0 s show, " in steady[0]
    assert not any("as far as" in text for text in texts(players, "aot") if text not in steady)


def test_trials_that_were_decided_jointly_are_counted(players: RunResult) -> None:
    jit, _, aot, *_ = players.load.variant_warmups
    changed = replace(
        players,
        load=replace(
            players.load,
            variant_warmups=(
                replace(jit, decided_jointly=2),
                replace(aot, settled=3, decided_jointly=1),
            ),
        ),
    )

    both = list(courses(changed))

    assert "(4 trials, 2 of them too restless to tell without the others)." in both[0]
    assert "(3 of 4 trials settled, 1 of them too restless to tell without the others)." in both[1]


def test_a_jit_that_did_not_settle_is_said_to_have_no_steady_throughput() -> None:
    jit = next(iter(courses(still_rising())))

    assert jit.startswith("jit was still rising after 30 s of load in 3 of 3 trials: 7,")
    assert jit.endswith("it has no steady throughput to compare.")


@pytest.mark.parametrize("report_format", TEXTS)
@pytest.mark.parametrize("make", [lambda: Fake().result(), still_rising, ODD["short load"]])
def test_no_sentence_calls_the_first_seconds_throughput(
    make: "object", report_format: ReportFormat.ValueType
) -> None:
    assert callable(make)
    text = render(make(), report_format).decode()
    said = re.sub(r"<[^>]*>", " ", text)

    for found in re.finditer(r"(?i)(\w+\s+)?(\w+\s+)?throughput", said):
        assert "steady" in found[0].lower(), said[found.start() - 100 : found.end() + 100]


def test_repeated_looks_are_explained() -> None:
    assert "98.75 %" in interval_note(ODD["until decided"]())
    assert interval_note(small(blocks=3).result()).startswith("Intervals are at 95 %")
