"""The metrics that dashboards and rules are made of: names, titles, units.

What the collector exposes is defined in the collector; this package may not import it, so
a test holds both equal.
"""

from dataclasses import dataclass

PREFIX = "headstart_"

# Grafana's unit for the unit that a metric's name ends in.
GRAFANA_UNITS = {"seconds": "s", "bytes": "bytes", "per_second": "reqps", "jobs_per_second": "ops"}


@dataclass(frozen=True)
class Metric:
    """One figure of a variant: exposed as `headstart_<name>` with a label `stat`."""

    name: str
    title: str
    unit: str

    @property
    def series(self) -> str:
        """The name in Prometheus."""
        return PREFIX + self.name

    @property
    def grafana_unit(self) -> str:
        """The unit as Grafana calls it."""
        return GRAFANA_UNITS[self.unit]


METRICS = {
    metric.name: metric
    for metric in (
        Metric("startup_seconds", "Startup", "seconds"),
        Metric("startup_data_seconds", "Startup to first data", "seconds"),
        Metric("startup_cpu_seconds", "CPU time of startup", "seconds"),
        Metric("engine_start_seconds", "Container engine", "seconds"),
        Metric("rss_startup_bytes", "Memory during startup", "bytes"),
        Metric("rss_idle_bytes", "Memory idle", "bytes"),
        Metric("rss_load_bytes", "Memory under load", "bytes"),
        Metric("rss_settled_bytes", "Memory after load", "bytes"),
        Metric("memory_high_water_bytes", "Memory high water", "bytes"),
        Metric("memory_floor_bytes", "Memory floor", "bytes"),
        Metric("throughput_first_seconds_per_second", "First 5 s of load", "per_second"),
        Metric("throughput_steady_per_second", "Steady throughput", "per_second"),
        Metric("throughput_load_per_second", "Served over the whole load", "per_second"),
        Metric("rate_held_per_second", "Highest rate held", "per_second"),
        Metric("time_to_steady_seconds", "Time to steady", "seconds"),
        Metric("latency_p50_seconds", "Median latency", "seconds"),
        Metric("latency_p99_seconds", "p99 latency", "seconds"),
        Metric("latency_load_p99_seconds", "p99 latency of the whole load", "seconds"),
        Metric("load_cpu_seconds_per_request", "CPU time per request", "seconds"),
        Metric("job_seconds", "Short job", "seconds"),
        Metric("jobs_per_second", "Short jobs one after another", "jobs_per_second"),
        Metric("job_cpu_seconds", "CPU time of a short job", "seconds"),
        Metric("job_memory_bytes", "Memory of a short job", "bytes"),
        Metric("long_job_seconds", "Long job", "seconds"),
        Metric("long_job_cpu_seconds", "CPU time of a long job", "seconds"),
        Metric("long_job_memory_bytes", "Memory of a long job", "bytes"),
        Metric("build_seconds", "Build", "seconds"),
        Metric("build_cpu_seconds", "CPU time of the build", "seconds"),
        Metric("build_memory_bytes", "Memory of the build", "bytes"),
        Metric("image_unpacked_bytes", "Image size", "bytes"),
        Metric("image_pull_bytes", "Image to pull", "bytes"),
        Metric("image_above_base_bytes", "Image above its base", "bytes"),
        Metric("image_own_bytes", "App's own files", "bytes"),
    )
}

# Verdict -> colour. Blue and orange, which the colour-blind can tell apart; red and green
# they cannot.
VERDICT_COLOURS = {
    "better": "semi-dark-blue",
    "worse": "semi-dark-orange",
    "equivalent": "#6e7681",
    "inconclusive": "#a98bd1",
    "unavailable": "transparent",
}

# A verdict that rests on disturbed trials, for want of others, is shown with this behind it.
FLAGGED_MARK = " ?"

# Outcomes of a variant: as it should be; of the app's own doing; the rest is of the host's
# or the experiment's.
MEASURED = "measured"
CHECKS_FAIL = "checks fail"
DOES_NOT_START = (
    "does not start",
    "never becomes ready",
    "dies",
    "runs out of memory",
    "fills the disk",
    "does not build",
)
