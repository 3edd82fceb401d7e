"""The exposition as a reader of the text sees it: prometheus_client's parser, promtool."""

import gzip
import math
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from headstart.collector.analysis.verdict.recommendation import with_recommendations
from headstart.collector.findings import Figure, GateLimit, Overtaking, RunResult
from headstart.collector.metrics.families import HOST_FAMILIES, RESULT_FAMILIES
from headstart.collector.metrics.page import Exposition
from headstart.collector.own_metrics import Refusal, SelfMetrics
from headstart.v1.experiments_pb2 import HostState, RunState
from headstart.words import metrics
from headstart.words.foreign.clean import LABEL_CHARACTERS
from headstart.words.metric import Metric
from headstart.words.metrics import METRICS
from headstart.words.outcomes import Outcome
from headstart.words.states import RunWord
from headstart.words.verdicts import LimitKind, Reason
from support.metrics_results import (
    NOW,
    STORE,
    XEON,
    does_not_start,
    fleet,
    host_state,
    host_states,
    of_a_service,
    run_result,
    shifts,
)
from support.odd_results import ODD


class Scraped:
    """An exposition to update, and its text read back."""

    def __init__(self, maximum_series: int = 50_000, *, detailed: bool = True) -> None:
        self.own = SelfMetrics("0.1.0")
        self.exposition = Exposition(self.own, STORE, maximum_series, detailed=detailed)

    def update(
        self, results: Sequence[RunResult] = (), hosts: Sequence[HostState] | None = None
    ) -> "Scraped":
        self.exposition.update(results, hosts)
        return self

    def samples(self, name: str, **labels: str) -> Iterator[Sample]:
        text = self.exposition.scrape().decode()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == name and labels.items() <= sample.labels.items():
                    yield sample

    def value(self, name: str, **labels: str) -> float | None:
        """The one sample that matches, or None."""
        found = [sample.value for sample in self.samples(name, **labels)]
        assert len(found) <= 1, f"{name} {labels} is not one sample but {len(found)}"
        return found[0] if found else None


@pytest.fixture
def scraped() -> Scraped:
    return Scraped()


def test_a_figure_is_shown_with_its_interval_and_tail(scraped: Scraped) -> None:
    result = run_result()
    figure = result.figure(metrics.STARTUP.name, "aot")
    assert figure is not None
    assert figure.interval is not None

    scraped.update([result])

    labels = {"experiment": "players-api", "host": "alpha", "variant": "aot"}
    shown = {
        s.labels["stat"]: s.value for s in scraped.samples("headstart_startup_seconds", **labels)
    }
    assert shown == {
        "center": figure.center,
        "ci_low": figure.interval.low,
        "ci_high": figure.interval.high,
        "p95": figure.p95,
    }


def test_every_series_bears_its_store_and_of_a_run_its_hardware(scraped: Scraped) -> None:
    scraped.update(fleet())

    for family in text_string_to_metric_families(scraped.exposition.scrape().decode()):
        for sample in family.samples:
            assert sample.labels["store"] == STORE
            assert ("run_id" in sample.labels) == (sample.name == "headstart_run_info")
            assert sample.timestamp is None
            if "experiment" in sample.labels:
                assert sample.labels.keys() >= {"host", "fingerprint", "cpu_model"}


def test_every_metric_of_the_catalogue_is_a_gauge(scraped: Scraped) -> None:
    text = scraped.update([run_result()]).exposition.scrape().decode()
    types = {family.name: family.type for family in text_string_to_metric_families(text)}

    assert {types[f"headstart_{name}"] for name in METRICS} == {"gauge"}


def test_ratio_and_verdict_against_the_baseline(scraped: Scraped) -> None:
    result = run_result()
    comparison = result.comparison(metrics.STARTUP.name, "aot")
    assert comparison is not None
    assert comparison.interval is not None

    scraped.update([result])

    labels = {"metric": metrics.STARTUP.name, "variant": "aot"}
    assert scraped.value("headstart_ratio", stat="center", **labels) == comparison.ratio
    assert scraped.value("headstart_ratio", stat="ci_high", **labels) == comparison.interval.high
    verdicts = [s.labels["verdict"] for s in scraped.samples("headstart_verdict", **labels)]
    assert verdicts == ["better"]


def test_a_verdict_from_disturbed_trials_says_so(scraped: Scraped) -> None:
    scraped.update([run_result()])

    def basis(metric: str) -> list[str]:
        return [s.labels["basis"] for s in scraped.samples("headstart_verdict", metric=metric)]

    assert basis(metrics.LATENCY_P99.name) == ["flagged"]
    assert basis(metrics.STARTUP.name) == ["valid"]


def test_the_shape_of_a_variants_warm_up(scraped: Scraped) -> None:
    scraped.update([run_result()])

    assert scraped.value("headstart_variant_info", variant="jit", shape="warmup") == 1
    assert scraped.value("headstart_variant_info", variant="aot", shape="flat") == 1


def test_the_stamps_of_a_start_are_the_middle_of_the_valid_trials(scraped: Scraped) -> None:
    first, *others = run_result(variants=("jit",)).starts
    moved = [replace(first, stamps={"connected": seconds}) for seconds in (0.1, 0.2, 0.9)]
    spoiled = replace(first, stamps={"connected": 5.0}, valid=False)

    scraped.update([replace(run_result(variants=("jit",)), starts=(*moved, spoiled))])

    assert others == []
    shown = scraped.samples("headstart_start_stamp_seconds", variant="jit")
    assert [(s.labels["stamp"], s.value) for s in shown] == [("connected", 0.2)]


def test_who_catches_up_is_a_word_and_a_time_where_there_is_one(scraped: Scraped) -> None:
    result = run_result(variants=("jit", "aot"))
    (even,) = result.load.break_evens
    never = replace(even, outcome=Overtaking.NEVER, seconds=None)

    scraped.update([result])
    (seconds,) = scraped.samples("headstart_break_even_seconds", of="requests")
    scraped.update([replace(result, load=replace(result.load, break_evens=(never,)))])
    (info,) = scraped.samples("headstart_break_even_info", of="requests")

    assert (seconds.labels["variant"], seconds.value) == ("aot", 75.0)
    assert (info.labels["late"], info.labels["outcome"]) == ("jit", "never")
    assert list(scraped.samples("headstart_break_even_seconds")) == []


def test_a_variant_that_does_not_start_is_a_result(scraped: Scraped) -> None:
    scraped.update([does_not_start(run_result(), "aot")])

    outcome = {"variant": "aot", "outcome": "does not start"}
    assert scraped.value("headstart_variant_outcome", **outcome) == 1
    assert scraped.value("headstart_trials_failed", variant="aot") == 10
    assert scraped.value("headstart_startup_seconds", variant="aot", stat="center") is None


def test_the_warm_up_curve_rises_for_the_jit_and_lies_flat_for_the_other(scraped: Scraped) -> None:
    scraped.update([run_result()])

    def curve(variant: str) -> list[float]:
        name = "headstart_warmup_throughput_per_second"
        samples = sorted(
            scraped.samples(name, variant=variant), key=lambda s: float(s.labels["elapsed"])
        )
        return [sample.value for sample in samples]

    assert curve("jit")[-1] > 2 * curve("jit")[0]
    assert curve("jit") == sorted(curve("jit"))
    assert max(curve("aot")) == pytest.approx(min(curve("aot")))


def test_a_newer_run_replaces_and_an_older_one_does_not(scraped: Scraped) -> None:
    newer, older = run_result(ended=2_000.0, factor=2.0), run_result(ended=1_000.0)

    for order in ([older, newer], [newer, older]):
        fresh = Scraped()
        for result in order:
            fresh.update([result])

        assert fresh.value("headstart_run_end_timestamp_seconds") == 2_000.0
        assert fresh.value("headstart_startup_seconds", variant="jit", stat="center") == 0.56


def test_one_experiment_on_two_hosts_is_two_runs(scraped: Scraped) -> None:
    scraped.update([run_result(host="alpha")]).update([run_result(host="beta")])

    ended = scraped.samples("headstart_run_end_timestamp_seconds")
    assert {sample.labels["host"] for sample in ended} == {"alpha", "beta"}


def test_what_is_taken_from_the_page_is_counted_so_that_nobody_misses_it(scraped: Scraped) -> None:
    scraped.update([run_result(host="alpha")]).update([run_result(host="beta")])
    assert scraped.value("headstart_exposition_retired_results_total") == 0

    scraped.exposition.remove([("players-api", "alpha"), ("players-api", "gone before")])

    ended = scraped.samples("headstart_run_end_timestamp_seconds")
    assert [sample.labels["host"] for sample in ended] == ["beta"]
    assert scraped.value("headstart_exposition_retired_results_total") == 1


def test_a_run_without_a_trial_keeps_the_last_figures(scraped: Scraped) -> None:
    measured = run_result(ended=1_000.0)
    nothing = replace(
        run_result(ended=2_000.0),
        state=RunWord.LOST,
        variants=tuple(replace(v, trials=0) for v in measured.variants),
        figures=(),
        comparisons=(),
    )

    scraped.update([measured]).update([nothing])

    assert scraped.value("headstart_run_end_timestamp_seconds") == 1_000.0


def test_a_run_of_which_no_variant_could_be_tried_is_a_result(scraped: Scraped) -> None:
    result = run_result(ended=2_000.0)
    missing = [
        replace(v, trials=0, outcome=Outcome.IMAGE_MISSING, failure_message=f"no image {v.source}")
        for v in result.variants
    ]
    untried = replace(result, variants=tuple(missing), figures=(), comparisons=())

    scraped.update([run_result(ended=1_000.0)]).update([untried])

    assert scraped.value("headstart_run_end_timestamp_seconds") == 2_000.0
    assert (
        len(list(scraped.samples("headstart_variant_outcome", outcome=Outcome.IMAGE_MISSING))) == 2
    )


def test_an_incomplete_run_takes_no_place(scraped: Scraped) -> None:
    incomplete = replace(run_result(ended=2_000.0), state=RunWord.INCOMPLETE)
    scraped.update([run_result(ended=1_000.0)]).update([incomplete])

    assert scraped.value("headstart_run_end_timestamp_seconds") == 1_000.0


@pytest.mark.parametrize("name", sorted(ODD.keys() - {"incomplete"}))
def test_whatever_analysis_finds_can_be_exposed(name: str, scraped: Scraped) -> None:
    result = ODD[name]()

    scraped.update([result])

    dropped = scraped.samples("headstart_exposition_dropped_series")
    assert {sample.labels["reason"]: sample.value for sample in dropped} == {
        "cap": 0,
        "detail": 0,
        "not_finite": 0,
        "duplicate": 0,
        "unknown": 0,
    }
    shown = {s.labels["variant"] for s in scraped.samples("headstart_variant_outcome")}
    tried = any(variant.trials for variant in result.variants)
    assert shown == ({variant.variant for variant in result.variants} if tried else set())
    for figure in result.figures:
        assert figure.center == scraped.value(
            f"headstart_{figure.metric}", variant=figure.variant, stat="center"
        )


def test_hosts_are_shown_with_their_state(scraped: Scraped) -> None:
    scraped.update(hosts=host_states())

    assert scraped.value("headstart_host_up", host="alpha") == 1
    assert scraped.value("headstart_host_busy", host="alpha") == 1
    assert scraped.value("headstart_host_runs_waiting", host="alpha") == 2
    assert scraped.value("headstart_host_up", host="gamma") == 0
    assert scraped.value("headstart_host_spool_bytes", host="beta") == 1 << 20
    assert scraped.value("headstart_host_advice", host="gamma", level="bad") == 1
    assert scraped.value("headstart_host_info", host="alpha", engine="docker 20.10.24") == 1


def test_whatever_changes_of_a_host_is_shown_at_the_next_look(scraped: Scraped) -> None:
    scraped.update(hosts=host_states())
    (state,) = [each for each in host_states() if each.host.host == "alpha"]
    state.running_run_id, state.last_seen_time_seconds, state.spool_bytes = "", 2e9, 77
    state.host.kernel = "6.12"
    scraped.update(hosts=[state])

    assert scraped.value("headstart_host_busy", host="alpha") == 0
    assert scraped.value("headstart_host_last_seen_timestamp_seconds", host="alpha") == 2e9
    assert scraped.value("headstart_host_spool_bytes", host="alpha") == 77
    assert scraped.value("headstart_host_info", host="alpha", kernel="6.12") == 1


def test_of_two_hosts_that_read_alike_one_is_shown(scraped: Scraped) -> None:
    scraped.update(hosts=[host_state("h\n"), host_state("h\\n")])

    assert len(list(scraped.samples("headstart_host_up"))) == 1
    assert (scraped.value("headstart_exposition_dropped_series", reason="duplicate") or 0) > 1


def test_hosts_are_replaced_as_a_whole_and_results_stay(scraped: Scraped) -> None:
    scraped.update([run_result()], host_states()).update(hosts=[host_state("delta")])

    assert [s.labels["host"] for s in scraped.samples("headstart_host_up")] == ["delta"]
    assert scraped.value("headstart_run_end_timestamp_seconds") is not None


def test_health_is_as_of_the_scrape_without_an_update(scraped: Scraped) -> None:
    scraped.own.ingested(batches=3, payload_bytes=700)
    scraped.own.duplicated(2)
    scraped.own.refused(Refusal.CORRUPT)
    scraped.own.committed(0.06)
    scraped.own.stream_opened()
    scraped.own.stream_opened()
    scraped.own.stream_closed()
    scraped.own.set_runs(queued=4, leased=2)
    scraped.own.run_ended(RunState.RUN_STATE_LOST)
    scraped.own.analysed(0.3)
    scraped.own.analysis_failed()

    assert scraped.value("headstart_collector_batches_total") == 3
    assert scraped.value("headstart_collector_received_bytes_total") == 700
    assert scraped.value("headstart_collector_duplicates_total") == 2
    assert scraped.value("headstart_collector_refused_total", reason="corrupt") == 1
    assert scraped.value("headstart_collector_refused_total", reason="too_large") == 0
    assert scraped.value("headstart_collector_commit_seconds_bucket", le="0.075") == 1
    assert scraped.value("headstart_collector_commit_seconds_bucket", le="0.05") == 0
    assert scraped.value("headstart_collector_streams") == 1
    assert scraped.value("headstart_collector_runs", state="queued") == 4
    assert scraped.value("headstart_collector_runs_ended_total", state="lost") == 1
    assert scraped.value("headstart_collector_runs_ended_total", state="done") == 0
    assert scraped.value("headstart_collector_analysis_seconds_count") == 1
    assert scraped.value("headstart_collector_analysis_failures_total") == 1
    assert scraped.value("headstart_collector_info", version="0.1.0") == 1


def test_compressed_and_plain_say_the_same(scraped: Scraped) -> None:
    scraped.update(fleet(), host_states())

    def without_process(text: bytes) -> list[bytes]:
        return [line for line in text.splitlines() if not line.startswith(b"process_")]

    plain = without_process(scraped.exposition.scrape())
    compressed = without_process(gzip.decompress(scraped.exposition.scrape(compressed=True)))
    assert plain == compressed


HOSTILE_SHOWN = r'a"b\c\nd\x00e\udc80\u202e}# {x="1"} 1'
HOSTILE = 'a"b\\c\nd\x00e\udc80\u202e}# {x="1"} 1'


def test_hostile_names_break_no_line_and_are_read_back(scraped: Scraped) -> None:
    hostile = run_result(HOSTILE, HOSTILE, cpu_model=HOSTILE, variants=("jit", HOSTILE))

    scraped.update([hostile, run_result()], [host_state(HOSTILE.replace("\udc80", ""))])

    experiments = {s.labels["experiment"] for s in scraped.samples("headstart_run_info")}
    assert experiments == {"players-api", HOSTILE_SHOWN}
    assert len(list(scraped.samples("headstart_host_up"))) == 1


def test_long_names_are_cut_and_stay_apart(scraped: Scraped) -> None:
    long = "x" * 5_000

    scraped.update([run_result(long + "1"), run_result(long + "2")])

    experiments = {s.labels["experiment"] for s in scraped.samples("headstart_run_info")}
    assert {len(name) for name in experiments} == {LABEL_CHARACTERS}
    assert len(experiments) == 2


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_no_number_is_left_out_and_counted(scraped: Scraped, value: float) -> None:
    result = run_result()
    figures = tuple(
        replace(f, center=value) if f.metric == metrics.STARTUP.name else f for f in result.figures
    )

    scraped.update([replace(result, figures=figures)])

    assert list(scraped.samples("headstart_startup_seconds", stat="center")) == []
    assert scraped.value("headstart_exposition_dropped_series", reason="not_finite") == 2


def test_duplicates_and_unknown_metrics_are_left_out_and_counted(scraped: Scraped) -> None:
    result = run_result()
    unknown = Figure("warp_factor", "jit", (9.0,), (1,), 0, 9.0, None)

    scraped.update([replace(result, figures=(*result.figures, result.figures[0], unknown))])

    assert scraped.value("headstart_exposition_dropped_series", reason="duplicate") == 4
    assert scraped.value("headstart_exposition_dropped_series", reason="unknown") == 1
    assert b"warp_factor" not in scraped.exposition.scrape()


def test_when_there_are_too_many_series_detail_goes_first_then_the_oldest_runs() -> None:
    one = Scraped().update([run_result()])
    series = one.value("headstart_exposition_series")
    plain = Scraped(detailed=False).update([run_result()]).value("headstart_exposition_series")
    assert series is not None
    assert plain is not None
    detail = series - plain
    name = "headstart_warmup_throughput_per_second"

    def shown(maximum: float, runs: int) -> tuple[Scraped, set[str], set[str]]:
        """Which of the runs are shown at all, and which with their curves."""
        found = Scraped(int(maximum))
        found.update([run_result(f"e{i}", ended=1_000.0 + i) for i in range(runs)])
        infos, curves = (found.samples(each) for each in ("headstart_run_info", name))
        return (
            found,
            {s.labels["experiment"] for s in infos},
            {s.labels["experiment"] for s in curves},
        )

    scraped, runs, curves = shown(2 * plain + 2 * detail - 1, runs=2)
    assert (runs, curves) == ({"e0", "e1"}, {"e1"})
    assert scraped.value("headstart_exposition_dropped_series", reason="detail") == detail
    assert scraped.value("headstart_exposition_dropped_series", reason="cap") == 0
    assert scraped.value("headstart_exposition_dropped_results") == 0

    scraped, runs, _ = shown(3 * plain - 1, runs=3)
    assert runs == {"e1", "e2"}
    assert scraped.value("headstart_exposition_dropped_series", reason="cap") == plain
    assert scraped.value("headstart_exposition_dropped_results") == 1


def test_hosts_that_come_later_take_room_from_the_oldest_results() -> None:
    plain = Scraped(detailed=False).update([run_result()]).value("headstart_exposition_series")
    assert plain is not None
    scraped = Scraped(int(2 * plain), detailed=False)
    scraped.update([run_result(f"experiment-{i}", ended=1_000.0 + i) for i in range(2)])
    assert scraped.value("headstart_exposition_dropped_results") == 0

    scraped.update(hosts=[host_state("h")])

    shown = {s.labels["experiment"] for s in scraped.samples("headstart_run_info")}
    assert shown == {"experiment-1"}
    assert scraped.value("headstart_exposition_dropped_results") == 1


VARIANTS = ("jit", "r2r", "aot-dynamic", "aot-scratch")


def test_a_variant_of_a_service_has_sixty_series_at_most_by_default() -> None:
    scraped = Scraped(detailed=False)

    scraped.update([of_a_service(run_result(variants=VARIANTS))])

    series = scraped.value("headstart_exposition_series")
    assert series is not None
    assert 50 * len(VARIANTS) < series <= 60 * len(VARIANTS)


def test_what_is_always_exposed_leads_the_rest_is_detail() -> None:
    scraped = Scraped(detailed=False).update([run_result()])

    def stats(metric: Metric) -> set[str]:
        return {s.labels["stat"] for s in scraped.samples(metric.series, variant="aot")}

    compared = {s.labels["metric"] for s in scraped.samples("headstart_ratio")}
    assert stats(metrics.STARTUP) == {"center", "ci_low", "ci_high"}
    assert stats(metrics.LATENCY_P99) == {"center"}
    assert stats(metrics.MEMORY_HIGH_WATER) == set()
    assert compared == {metric.name for metric in metrics.HEADLINES}
    assert list(scraped.samples("headstart_warmup_throughput_per_second")) == []


def test_one_run_too_large_for_the_cap_leaves_room_for_others() -> None:
    huge = run_result("huge", variants=[f"v{i}" for i in range(20)], ended=9_000.0)

    scraped = Scraped(maximum_series=600).update([huge, run_result("small", ended=1_000.0)])

    shown = {s.labels["experiment"] for s in scraped.samples("headstart_run_info")}
    assert shown == {"small"}


def test_too_many_hosts_leave_out_those_that_are_away() -> None:
    away = [host_state(f"away-{i}", connected=False, last_seen=float(i)) for i in range(5)]

    scraped = Scraped(maximum_series=5 * 13 * 3).update(hosts=[*away, host_state("here")])

    shown = {s.labels["host"] for s in scraped.samples("headstart_host_up")}
    assert shown == {"here", "away-4", "away-3"}
    assert scraped.value("headstart_exposition_dropped_series", reason="cap") == 3 * 13


def test_what_is_exposed_is_what_the_tables_say(scraped: Scraped) -> None:
    scraped.update(fleet(), host_states())

    text = scraped.exposition.scrape().decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    for family in (*RESULT_FAMILIES, *HOST_FAMILIES):
        labels = {frozenset(sample.labels) for sample in families[family.name].samples}
        assert labels == {frozenset(("store", *family.labels))}, family.name


def test_updates_and_scrapes_at_the_same_time_never_show_half_a_run(scraped: Scraped) -> None:
    problems: list[str] = []
    stop = threading.Event()

    def scrape() -> None:
        while not stop.is_set():
            text = gzip.decompress(scraped.exposition.scrape(compressed=True)).decode()
            families = {f.name: f.samples for f in text_string_to_metric_families(text)}
            runs = len(families.get("headstart_run_info", []))
            trials = len(families.get("headstart_trials", []))
            if trials != 2 * runs:
                problems.append(f"{trials} trials of {runs} runs")

    reader = threading.Thread(target=scrape)
    reader.start()
    for i in range(20):
        scraped.update([run_result(f"experiment-{i % 4}", ended=1_000.0 + i)])
    stop.set()
    reader.join()

    assert problems == []


@pytest.mark.prometheus
def test_promtool_finds_nothing_to_complain_about(scraped: Scraped) -> None:
    scraped.update([*fleet(), run_result(HOSTILE)], host_states())

    checked = subprocess.run(
        ["promtool", "check", "metrics"],
        input=scraped.exposition.scrape(),
        capture_output=True,
        check=False,
    )

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_open_shifts_are_exposed_until_they_are_not(scraped: Scraped) -> None:
    scraped.exposition.update(shifts=shifts())
    ratios = {s.labels["stat"]: s for s in scraped.samples("headstart_shift_ratio", change="worse")}
    levels = {
        (s.labels["change"], s.labels["level"]): s.value
        for s in scraped.samples("headstart_shift_level")
    }
    (info,) = scraped.samples("headstart_shift_info", change="worse")
    seen = scraped.value("headstart_shift_first_seen_timestamp_seconds", change="better")
    scraped.exposition.update(shifts=[])

    assert [ratios[stat].value for stat in ("ci_low", "center", "ci_high")] == [1.22, 1.25, 1.27]
    assert levels["worse", "old"] == 0.028
    assert levels["worse", "new"] == 0.035
    assert ratios["center"].labels == {
        "store": STORE,
        "shift": "11",
        "experiment": "players-api",
        "fingerprint": "c0ffee12",
        "cpu_model": XEON,
        "host": "alpha",
        "variant": "aot",
        "metric": metrics.STARTUP.name,
        "unit": "seconds",
        "change": "worse",
        "direction": "rose",
        "old_revision": "9d8e7f6",
        "new_revision": "3f2c1ab",
        "stat": "center",
    }
    told = ("confirmation", "old_run_id", "new_run_id", "rerun_run_id")
    assert [info.labels[name] for name in told] == ["rerun", "r-old", "r-new", "r-again"]
    assert seen == NOW - 600
    assert list(scraped.samples("headstart_shift_ratio")) == []


def test_shifts_beyond_their_room_are_counted() -> None:
    scraped = Scraped(20 * 7)
    many = [shift for n in range(5) for shift in shifts(experiment=f"e{n}")]
    scraped.exposition.update(shifts=many)

    assert len(list(scraped.samples("headstart_shift_ratio"))) == 1
    assert scraped.value("headstart_exposition_dropped_series", reason="cap") == 5 * 7 + 4 * 5


def test_why_something_is_recommended_is_one_of_a_few_words(scraped: Scraped) -> None:
    broken = does_not_start(run_result("broken"), "aot")
    scraped.update([run_result(), with_recommendations(broken, broken.gates_from, broken.gates)])

    told = {
        s.labels["experiment"]: (s.labels["recommendation"], s.labels["reason"])
        for s in scraped.samples("headstart_recommendation")
    }
    assert told["broken"] == ("reject", "does not work")
    assert told["players-api"][1] in set(Reason)
    assert told["players-api"][1] != Reason.NOT_RECORDED


@pytest.mark.parametrize(
    ("metric", "kind", "bound", "labels", "limit"),
    [
        (metrics.STARTUP, LimitKind.MAX, 0.03, ("at most", "seconds", "fail"), 0.03),
        (metrics.STARTUP, LimitKind.MARGIN, 0.05, ("at most", "ratio", "pass"), 1.05),
        (metrics.THROUGHPUT_STEADY, LimitKind.MIN, 9e3, ("at least", "per_second", "pass"), 9e3),
        (metrics.THROUGHPUT_STEADY, LimitKind.MARGIN, 0.05, ("at least", "ratio", "pass"), 0.95),
    ],
)
def test_a_gate_shows_its_figure_and_its_limit_in_the_same_terms(
    metric: Metric,
    kind: LimitKind,
    bound: float,
    labels: tuple[str, str, str],
    limit: float,
    scraped: Scraped,
) -> None:
    result = with_recommendations(run_result(), "", (GateLimit(metric.name, kind, bound),))
    (gate,) = result.gate_outcomes
    assert gate.interval is not None

    scraped.update([result])

    (shown,) = scraped.samples("headstart_gate_limit", metric=metric.name, kind=kind)
    assert shown.value == limit
    assert tuple(shown.labels[name] for name in ("side", "unit", "outcome")) == labels
    values = {s.labels["stat"]: s.value for s in scraped.samples("headstart_gate_value", kind=kind)}
    assert values == {
        "center": gate.value,
        "ci_low": gate.interval.low,
        "ci_high": gate.interval.high,
    }
