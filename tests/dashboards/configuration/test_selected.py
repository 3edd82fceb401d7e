"""Matchers of the configuration in every selector of a query, and nowhere else."""

import pytest

from headstart.dashboards.configuration import selected

JOB = 'job="h"'


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("headstart_host_up", 'headstart_host_up{job="h"}'),
        ("headstart_host_up{}", 'headstart_host_up{job="h"}'),
        ('headstart_host_up{host="a"}', 'headstart_host_up{job="h",host="a"}'),
        ('headstart_host_up {host="a"}', 'headstart_host_up {job="h",host="a"}'),
        ("rate(process_cpu_seconds_total[$__rate_interval])",
         'rate(process_cpu_seconds_total{job="h"}[$__rate_interval])'),
        ("up == 0", 'up{job="h"} == 0'),
        ('x{a="headstart_host_up"}', 'x{a="headstart_host_up"}'),
        ('{__name__=~"headstart_.+"}', '{job="h",__name__=~"headstart_.+"}'),
        ('label_replace(headstart_a, "b", "up $1 {", "c", "(\\"up)")',
         'label_replace(headstart_a{job="h"}, "b", "up $1 {", "c", "(\\"up)")'),
        ("label_values(headstart_run_info, experiment)",
         'label_values(headstart_run_info{job="h"}, experiment)'),
        ('count(ALERTS{alertname=~"Headstart.+"})', 'count(ALERTS{alertname=~"Headstart.+"})'),
        ("vector(0) + time()", "vector(0) + time()"),
    ],
)  # fmt: skip
def test_each_selector_of_a_collectors_series_gets_the_matchers(expr: str, expected: str) -> None:
    assert selected(expr, JOB) == expected


def test_without_matchers_a_query_stays_as_it_is() -> None:
    assert selected('headstart_host_up{host="a"}', "") == 'headstart_host_up{host="a"}'
