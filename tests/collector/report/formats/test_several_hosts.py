"""The pages of several hosts: whole, escaped, and for every run that went wrong, too."""

import json
import re
from collections import Counter
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from headstart.collector.analysis.across.several_hosts import AcrossHosts, across_hosts
from headstart.collector.analysis.across.two_runs import compare_runs
from headstart.collector.findings import RunResult
from headstart.collector.report.formats.comparison_html import across_html, hosts_html
from headstart.collector.report.formats.several_hosts import hosts_json, hosts_markdown, print_hosts
from support.fake_runs import AOT, JIT, small
from support.odd_results import ODD

EVIL = "<script>alert(1)</script>\x1b[31m|"


def fleet(count: int) -> AcrossHosts:
    slow = (JIT, replace(AOT, startup_ms=AOT.startup_ms * 1.3))
    results = [
        small(kinds=(JIT, AOT) if seed else slow, blocks=6, seed=seed).result()
        for seed in range(count)
    ]
    hosts = [
        replace(each.host, name=f"h{seed}", fingerprint=f"f{seed // 2}")
        for seed, each in enumerate(results)
    ]
    return across_hosts(
        [replace(each, host=host) for each, host in zip(results, hosts, strict=True)]
    )


def shown(found: AcrossHosts) -> str:
    output = StringIO()
    print_hosts(found, Console(file=output))
    return output.getvalue()


def test_ids_are_unique_and_every_metric_that_varies_has_its_forest() -> None:
    page = hosts_html(fleet(3))
    ids = Counter(re.findall(r'\bid="([^"]+)"', page))

    assert max(ids.values()) == 1
    assert set(re.findall(r"url\(#([^)]+)\)", page)) <= set(ids)
    assert page.count("<svg") == 6
    assert "Image size: better on all 3 hosts, the same ratio" in page
    assert "<script" not in page
    assert "default-src 'none'" in page


def test_text_of_a_run_is_escaped_everywhere() -> None:
    results = [
        replace(run, revision=EVIL, host=replace(run.host, name=f"{name}{EVIL}", cpu_model=EVIL))
        for name, run in fleet(2).runs
    ]
    found = across_hosts(results)

    assert "<script>" not in hosts_html(found)
    assert "<script>" not in hosts_markdown(found)
    assert "\x1b" not in shown(found)
    assert "<script>" not in across_html(compare_runs(*results))


def test_more_hosts_than_a_terminal_has_columns_for_are_told_by_their_ends() -> None:
    text = shown(fleet(6))

    assert "lowest" in text
    assert "highest" in text
    assert re.search(r"Startup +\+ 0\.\d+ \([^)]+\) h\d", text)


def test_two_hosts_are_told_how_little_their_mean_says() -> None:
    assert "12.7 standard errors" in shown(fleet(2))
    assert "12.7" not in shown(fleet(3))


@pytest.mark.parametrize("name", ODD)
def test_a_run_that_went_wrong_beside_a_good_one_is_told_in_every_format(name: str) -> None:
    odd = replace(ODD[name](), host=replace(ODD[name]().host, name="odd", fingerprint="odd"))
    good = small(blocks=5).result()

    found = across_hosts([replace(good, baseline=odd.baseline), odd])
    for each in found.metrics:
        assert each.ratio is not None or each.reason
    assert "Headstart across hosts" in hosts_html(found)
    assert "Headstart" in hosts_markdown(found)
    assert "on 2 hosts" in shown(found)
    json.loads(hosts_json(found))


def test_a_single_host_is_its_own_answer() -> None:
    only: RunResult = fleet(1).runs[0][1]
    text = shown(across_hosts([only]))

    assert "on 1 host" in text
    assert "A single host says nothing of others" in text
    assert "mean over hosts" not in text
