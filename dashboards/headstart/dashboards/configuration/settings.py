"""The keys of a configuration, each with its kind, its default and what it is for."""

# ruff: noqa: RUF009  # what is called here makes a field of dataclasses

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from headstart.dashboards.configuration.values import (
    ABSOLUTE,
    COUNT,
    DURATION,
    FOLDER,
    LABELS,
    MATCHERS,
    NAME,
    NAMES,
    SEVERITY_TABLE,
    SHARE,
    SIZE,
    TARGETS,
    TITLE,
    URL,
    Duration,
    Kind,
)
from headstart.words.exposed_series import BESIDE, SAMPLE_LIMIT

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def _key(default: Any, kind: Kind, meaning: str) -> Any:
    """A field of a section, with what the file's reader and its documentation need."""
    return field(default_factory=lambda: default, metadata={"kind": kind, "meaning": meaning})


def _time(seconds: int, meaning: str) -> Any:
    return _key(Duration(seconds), DURATION, meaning)


@dataclass(frozen=True)
class Scrape:
    """How Prometheus scrapes collectors."""

    selector: str = _key(
        "",
        MATCHERS,
        "Put into each query of boards and alerts, for a Prometheus that has more than this "
        "fleet: 'job=\"headstart\"'.",
    )
    job: str = _key(
        "headstart",
        NAME,
        "The job_name of the collectors in Prometheus's scrape_configs: the alert about one that "
        "is down asks up{job=...}.",
    )
    interval: Duration = _time(30, "Between two scrapes. No alert fires on less than two of them.")
    sample_limit: int = _key(
        SAMPLE_LIMIT,
        COUNT,
        f"A scrape with more series is refused: the collector's --metrics-series and {BESIDE:,} "
        "for its own.",
    )

    targets: tuple[str, ...] = _key(
        ("127.0.0.1:9470",), TARGETS, "Collectors' metrics ports, for the example prometheus.yml."
    )

    @property
    def twice(self) -> Duration:
        """About two scrapes: a restart of the collector is not worth a message."""
        return Duration(2 * self.interval.seconds)


@dataclass(frozen=True)
class ExternalUrls:
    """Where people open what alerts link to."""

    grafana: str = _key(
        "", URL, "Grafana's address; alerts then link to their board (annotation dashboard_url)."
    )
    runbooks: str = _key(
        "docs/runbooks",
        FOLDER,
        "The folder of the runbooks. The default is their path in Headstart's repository.",
    )


@dataclass(frozen=True)
class Grafana:
    """Where boards go in Grafana."""

    folder: str = _key("Headstart", TITLE, "The folder of the boards.")
    provisioning: str = _key(
        "/etc/grafana/provisioning",
        ABSOLUTE,
        "Where Grafana finds what `headstart dashboards write` wrote.",
    )
    prometheus: str = _key(
        "http://127.0.0.1:9090", URL, "The data source: Prometheus, as Grafana reaches it."
    )


@dataclass(frozen=True)
class AlertSettings:
    """What alerts carry, and which there are."""

    labels: Mapping[str, str] = _key(
        {}, LABELS, 'Put on every alert, for the routes of Alertmanager: { team = "runtime" }.'
    )
    severities: Mapping[str, str] = _key(
        {}, SEVERITY_TABLE, 'In place of an alert\'s own: { HeadstartHostUnfit = "info" }.'
    )
    off: tuple[str, ...] = _key((), NAMES, 'Alerts that are left out: ["HeadstartHostUnfit"].')


@dataclass(frozen=True)
class Thresholds:
    """When alerts fire. ..._for: how long it has to be so, two scrapes at least; ..._within: the
    time that is looked back over, four scrapes at least."""

    result_holds: Duration = _time(
        7 * _DAY, "An alert about a result lets go of it so long after the end of its run."
    )
    invalid_share: float = _key(
        0.3, SHARE, "Share of a variant's trials that may be invalid, also on the board."
    )
    stale_after: Duration = _time(
        3 * _DAY, "What used to run regularly is stale when its last run ended so long ago."
    )
    given_up_after: Duration = _time(
        4 * _DAY, "What has been stale for so long was given up on purpose, and is missed no more."
    )
    regular_within: Duration = _time(
        14 * _DAY, "Regularly means: regular_runs runs at least within this time."
    )
    regular_runs: int = _key(3, COUNT, "See regular_within.")
    absent_within: Duration = _time(
        _DAY, "Results are missed when they were exposed within this time and no longer are."
    )
    absent_for: Duration = _time(5 * _MINUTE, "How long they have to be gone.")
    agent_lost_for: Duration = _time(5 * _MINUTE, "How long an agent has to be away.")
    agent_forgotten_after: Duration = _time(
        7 * _DAY, "An agent that was last seen so long ago is missed no more."
    )
    not_ready_for: Duration = _time(
        5 * _MINUTE, "How long an agent that is connected has to take no runs."
    )
    twin_for: Duration = _time(
        3 * _MINUTE, "How long another agent has to ask to attend as a host that is here."
    )
    spool_bytes: int = _key(
        64 << 20, SIZE, "What may wait in a connected agent's spool while it grows."
    )
    spool_grows_within: Duration = _time(
        15 * _MINUTE, "The time over which growth of a spool is looked at."
    )
    spool_for: Duration = _time(10 * _MINUTE, "How long a spool has to grow.")
    collector_down_for: Duration = _time(2 * _MINUTE, "How long no collector has to be scraped.")
    role_known_for: Duration = _time(
        _DAY,
        "Of a collector that is down so long is known which store it has, and so that another "
        "collector serves it.",
    )
    commit_hangs: Duration = _time(5, "How long one commit of a store may take.")
    commit_slow: Duration = _time(1, "How long nine of ten batches may wait for their commit.")
    commit_slow_within: Duration = _time(10 * _MINUTE, "The time over which they are counted.")
    store_slow_for: Duration = _time(2 * _MINUTE, "How long commits have to be slow.")
    refused_within: Duration = _time(
        10 * _MINUTE, "A refusal of what an agent sent counts for so long."
    )
    denied_calls: int = _key(
        50, COUNT, "How many calls may be denied to their callers within refused_within."
    )
    runs_failed_within: Duration = _time(_HOUR, "A run that failed counts for so long.")
    analysis_failed_within: Duration = _time(
        6 * _HOUR, "A run that could not be analysed counts for so long."
    )
    series_dropped_for: Duration = _time(
        5 * _MINUTE, "How long series have to be missing from /metrics."
    )


@dataclass(frozen=True)
class Configuration:
    """Dashboards and alerts of one fleet."""

    scrape: Scrape = field(default_factory=Scrape)
    external_url: ExternalUrls = field(default_factory=ExternalUrls)
    grafana: Grafana = field(default_factory=Grafana)
    alerts: AlertSettings = field(default_factory=AlertSettings)
    thresholds: Thresholds = field(default_factory=Thresholds)

    @property
    def outlives_collector(self) -> Duration:
        """How long an alert holds without its series: until the collector is said to be down."""
        return Duration(
            max(self.thresholds.collector_down_for, self.scrape.twice).seconds
            + 2 * self.scrape.twice.seconds
        )
