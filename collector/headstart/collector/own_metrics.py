"""What the collector says about its own health, in a registry of its own.

Methods instead of bare metric objects: who reports an event needs to know nothing of
Prometheus, and a test reads one registry that nobody else writes to.
"""

from collections.abc import Callable, Iterable
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from headstart.v1.experiments_pb2 import RunState
from headstart.words.enums import word


class Refusal(StrEnum):
    """Why something an agent sent was not taken. An enumeration, so that no agent's text
    becomes a label."""

    # More bytes or rows than allowed, packed or unpacked.
    TOO_LARGE = "too_large"
    # Wrong checksum, or not decodable.
    CORRUPT = "corrupt"
    # A sequence that does not follow the last one.
    GAP = "gap"
    # Of a run or an attempt that the store does not have, or that has ended.
    FENCED = "fenced"
    # A record that cannot be true by the plan of its run.
    UNBELIEVABLE = "unbelievable"
    # More than a run or an agent may store, or more hosts than the collector keeps.
    QUOTA = "quota"
    # A message out of turn, or of a protocol version that is not known.
    PROTOCOL = "protocol"
    # A certificate or host name that is not the one expected.
    IDENTITY = "identity"


class Denial(StrEnum):
    """Why a call was refused to whoever made it."""

    # It takes a role that its caller does not have.
    ROLE = "role"
    # The caller's certificate was revoked.
    REVOKED = "revoked"
    # An agent that says it is a host which its certificate does not name.
    HOST = "host"
    # A method that is nobody's.
    UNKNOWN = "unknown"


class Dropped(StrEnum):
    """Why a connection was closed that its client did not close."""

    # No TLS handshake: no certificate, a wrong one, or no TLS at all.
    HANDSHAKE = "handshake"
    # Nothing was asked in time.
    SILENT = "silent"
    # It made room: there were too many.
    CROWDED = "crowded"
    # As clients do between requests; not counted.
    IDLE = "idle"


_DOORS = ("http",)

_ENDED = (
    RunState.RUN_STATE_DONE,
    RunState.RUN_STATE_FAILED,
    RunState.RUN_STATE_CANCELLED,
    RunState.RUN_STATE_LOST,
    RunState.RUN_STATE_INCOMPLETE,
)

# A group commit is awaited for 50-100 ms by design; past a second disk is in trouble.
_COMMIT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 10.0)
_ANALYSIS_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class SelfMetrics:
    """Counts what the collector does. Every method may be called from any thread."""

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        info = Gauge(
            "headstart_collector_info",
            "Always 1; the collector's version.",
            ["version"],
            registry=self.registry,
        )
        info.labels(version).set(1)
        self._active = Gauge(
            "headstart_collector_active",
            "1: this collector has the agents and judges; 0: it stands by, and another one does.",
            registry=self.registry,
        )
        self._active.set(1)
        self._batches = self._counter("batches", "Record envelopes that became durable.")
        self._bytes = self._counter("received_bytes", "Payload bytes that became durable.")
        self._duplicates = self._counter(
            "duplicates", "Record envelopes received again after they were durable; harmless."
        )
        self._refused = Counter(
            "headstart_collector_refused",
            "What agents sent and the collector did not take, by reason.",
            ["reason"],
            registry=self.registry,
        )
        # At zero from the start: `increase()` cannot see a counter's first step from
        # nothing to one, so the first refusal would raise no alert.
        for reason in Refusal:
            self._refused.labels(reason.value)
        self._denied = Counter(
            "headstart_collector_denied_calls",
            "Calls that were refused to whoever made them, by reason: headstart audit says whose.",
            ["reason"],
            registry=self.registry,
        )
        for denial in Denial:
            self._denied.labels(denial.value)
        self._dropped = Counter(
            "headstart_collector_dropped_connections",
            "Connections of strangers that the collector closed, by door and reason.",
            ["door", "reason"],
            registry=self.registry,
        )
        for door in _DOORS:
            for dropped in Dropped:
                if dropped is not Dropped.IDLE:
                    self._dropped.labels(door, dropped.value)
        self._handshakes = self._counter(
            "tls_handshakes", "TLS handshakes that began on the gRPC port, of anybody."
        )
        self._callers = self._counter(
            "tls_callers",
            "Connections on the gRPC port that came through the handshake and made a call; the"
            " others showed no certificate or a wrong one, spoke no TLS, or asked for nothing.",
        )
        self._certificate_failures = self._counter(
            "certificate_failures",
            "Changed certificates that could not be used; the one before stays.",
        )
        self._certificate_ends = Gauge(
            "headstart_collector_certificate_end_time_seconds",
            "When the collector's own certificate expires, as unix time; 0 without TLS.",
            registry=self.registry,
        )
        self._commit_seconds = Histogram(
            "headstart_collector_commit_seconds",
            "From receipt of a batch until it was durable.",
            buckets=_COMMIT_BUCKETS,
            registry=self.registry,
        )
        self._streams = Gauge(
            "headstart_collector_streams",
            "Agents' streams that are open now.",
            registry=self.registry,
        )
        self._replaced = self._counter(
            "streams_replaced",
            "Streams that agents began since their spool and this store did not hold the same: "
            "a machine or this store was reset to an earlier state or copied.",
        )
        self._set_back = self._counter(
            "store_set_back",
            "Times that an agent had records acknowledged, or attempts, of which this store knows "
            "nothing: it was set back to an earlier state, or the host was removed from it.",
        )
        self._store_faulty = Gauge(
            "headstart_collector_store_faulty",
            "1: what was last taken could not be stored, or a part of the store cannot be read; "
            "/healthz says why.",
            registry=self.registry,
        )
        self._store_commit = Gauge(
            "headstart_collector_store_commit_latest_seconds",
            "What the commit under way has taken so far, or the last one took, whichever is more: "
            "above 5 s the disk is slow, and /healthz says so.",
            registry=self.registry,
        )
        self._runs = Gauge(
            "headstart_collector_runs",
            "Runs that have not ended, by state.",
            ["state"],
            registry=self.registry,
        )
        for state in ("queued", "leased"):
            self._runs.labels(state)
        self._ended = Counter(
            "headstart_collector_runs_ended",
            "Runs that ended since the collector started, by state.",
            ["state"],
            registry=self.registry,
        )
        for ended in _ENDED:
            self._ended.labels(word(RunState, ended))
        self._analysis_seconds = Histogram(
            "headstart_collector_analysis_seconds",
            "Time to analyse one ended run.",
            buckets=_ANALYSIS_BUCKETS,
            registry=self.registry,
        )
        self._analysis_failures = self._counter(
            "analysis_failures", "Ended runs whose analysis failed; a fault of the collector."
        )

    def _counter(self, name: str, documentation: str) -> Counter:
        return Counter(f"headstart_collector_{name}", documentation, registry=self.registry)

    def stands_by(self) -> None:
        """Another collector is the active one."""
        self._active.set(0)

    def ingested(self, batches: int, payload_bytes: int) -> None:
        """Envelopes that became durable for the first time."""
        self._batches.inc(batches)
        self._bytes.inc(payload_bytes)

    def duplicated(self, batches: int) -> None:
        """Envelopes that were durable already."""
        self._duplicates.inc(batches)

    def refused(self, reason: Refusal, times: int = 1) -> None:
        """Something that an agent sent was not taken."""
        self._refused.labels(reason.value).inc(times)

    def denied(self, reason: Denial) -> None:
        """A call was refused to its caller."""
        self._denied.labels(reason.value).inc()

    def dropped(self, door: str, reason: Dropped) -> None:
        """A connection was closed that asked for nothing."""
        self._dropped.labels(door, reason.value).inc()

    def handshake(self) -> None:
        """A TLS handshake began on the gRPC port."""
        self._handshakes.inc()

    def caller(self) -> None:
        """A first call arrived on a TLS connection."""
        self._callers.inc()

    def certificate_failed(self) -> None:
        """A changed certificate could not be used."""
        self._certificate_failures.inc()

    def certificate_ends(self, unix_seconds: float) -> None:
        """A certificate is used, until then."""
        self._certificate_ends.set(unix_seconds)

    def committed(self, seconds: float) -> None:
        """A batch became durable this long after its receipt."""
        self._commit_seconds.observe(seconds)

    def stream_opened(self) -> None:
        """An agent's stream began."""
        self._streams.inc()

    def stream_closed(self) -> None:
        """An agent's stream ended, for whatever reason."""
        self._streams.dec()

    def stream_replaced(self) -> None:
        """An agent began a stream in the place of one that is not its spool's."""
        self._replaced.inc()

    def store_set_back(self) -> None:
        """An agent knows of what was stored once and is not."""
        self._set_back.inc()

    def watch_store(self, problem: Callable[[], str], commit_seconds: Callable[[], float]) -> None:
        """What is wrong with the store (empty: nothing), and how long it takes, at each scrape."""
        self._store_faulty.set_function(lambda: 1.0 if problem() else 0.0)
        self._store_commit.set_function(commit_seconds)

    def set_runs(self, queued: int, leased: int) -> None:
        """Runs that wait and runs that an agent has."""
        self._runs.labels("queued").set(queued)
        self._runs.labels("leased").set(leased)

    def run_ended(self, state: "RunState.ValueType") -> None:
        """A run ended in one of the states of an ended run."""
        self._ended.labels(word(RunState, state)).inc()

    def analysed(self, seconds: float) -> None:
        """A run was analysed in this time."""
        self._analysis_seconds.observe(seconds)

    def analysis_failed(self) -> None:
        """Analysis raised; the run's records are stored, its figures are missing."""
        self._analysis_failures.inc()

    def families(self) -> Iterable[Metric]:
        """Everything as of now, without the `_created` companions that nobody queries."""
        return _without_created(self.registry)


def _without_created(registry: Collector) -> Iterable[Metric]:
    # prometheus_client can switch them off only for the whole process, which would
    # change what an embedding program exports.
    for family in registry.collect():
        family.samples = [s for s in family.samples if not s.name.endswith("_created")]
        yield family
