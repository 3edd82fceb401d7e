"""What can be set on a collector. The command line turns flags into these."""

from dataclasses import dataclass, field
from pathlib import Path

from headstart.words.exposed_series import MAXIMUM_SERIES
from headstart.words.foreign.addresses import socket_path

MEBIBYTE = 1 << 20
# The socket in a data folder.
SOCKET_NAME = "collector.sock"


@dataclass(frozen=True)
class TlsFiles:
    """PEM files; read again when they change, so that certificates rotate without a restart."""

    certificate: Path
    key: Path
    # Every client must show a certificate of this authority, and an agent's must name the
    # host that it claims to be: a port that asks for none is one where anyone can submit.
    client_authority: Path


@dataclass(frozen=True)
class IdentitySettings:
    """The collector's own authority, where it has one: see `CollectorConfig.has_authority`."""

    # "host" or "host:port" by which others reach the collector; what its certificate is for.
    # The first goes into tokens. Empty: this host's name and what is listened on.
    advertise: tuple[str, ...] = ()
    # "host:port" where tokens are traded for certificates. None: nobody is let in anew.
    enroll_listen: str | None = None
    # How long certificates hold: those of agents and people, and the collector's own.
    client_seconds: float = 7 * 86400.0
    server_seconds: float = 30 * 86400.0


@dataclass(frozen=True)
class Timing:
    """Seconds. The agent is told the first two."""

    heartbeat_seconds: float = 5.0
    # Long enough for an agent to reconnect several times.
    lease_seconds: float = 60.0
    tick_seconds: float = 1.0
    # From the opening of a stream to its hello.
    hello_seconds: float = 10.0
    # A connection without a call for so long is closed; its client connects anew.
    idle_seconds: float = 10.0
    # What comes within this time shares one fsync.
    group_seconds: float = 0.05
    # A host that was not there for so long gets no new runs.
    host_expiry_seconds: float = 7 * 86400.0

    @property
    def silence_seconds(self) -> float:
        """A stream without any message for so long is dead, whatever TCP says."""
        return 3 * self.heartbeat_seconds


@dataclass(frozen=True)
class Limits:
    """Bounds of what is taken from anybody, so that nobody can exhaust the collector."""

    message_bytes: int = MEBIBYTE
    envelopes_per_batch: int = 1024
    rows_per_envelope: int = 100_000
    # Envelopes of one agent that are taken but not yet durable.
    ack_window: int = 256
    agents: int = 1000
    # Hosts that are kept: with a new one too many, those go that are long gone and have no run.
    hosts: int = 2000
    # What one agent may send on average, and in a burst; more waits in its spool.
    agent_bytes_per_second: int = 8 * MEBIBYTE
    agent_burst_bytes: int = 32 * MEBIBYTE
    # Payload of all agents that is taken but not yet durable.
    pending_bytes: int = 64 * MEBIBYTE
    hello_bytes: int = 256 * 1024
    heartbeat_bytes: int = 16 * 1024
    # An agent sends one in `Timing.heartbeat_seconds`, and more as its runs begin and end.
    heartbeats_per_second: float = 10.0
    heartbeat_burst: int = 100
    # Attempts that an agent says it runs. It has one, and a few it was told to end.
    running: int = 64
    source_bytes: int = 256 * 1024
    runs_per_submit: int = 1000
    listed_runs: int = 1000


@dataclass(frozen=True)
class Quotas:
    """Bytes that may be stored. 200 trials at 50 Hz take some 100 MiB of raw records."""

    # What needs more ends FAILED.
    run_bytes: int = 1024 * MEBIBYTE
    # All runs of one host, as far as they are not pruned.
    agent_bytes: int = 16 * 1024 * MEBIBYTE
    # The context of one build as it is sent, and those of all runs that have not ended.
    context_bytes: int = 256 * MEBIBYTE
    all_contexts_bytes: int = 8 * 1024 * MEBIBYTE


@dataclass(frozen=True)
class Retention:
    """When raw batches of ended runs are deleted; results stay. None: never."""

    age_seconds: float | None = None
    # Of the whole store, the oldest runs go first.
    store_bytes: int | None = None


@dataclass(frozen=True)
class JobLimits:
    """The limits of one job of the analysis: time by the clock, and memory of its process."""

    # A job that takes longer is broken; measured, a long run takes seconds.
    seconds: float = 300.0
    memory_bytes: int = 2048 * MEBIBYTE


@dataclass(frozen=True)
class CollectorConfig:
    """`data` is a folder of the collector's own, made when it is missing."""

    data: Path
    # "unix:PATH" or "host:port", one or several; port 0 takes a free one. Empty: a socket
    # in `data`.
    listen: str | tuple[str, ...] = ()
    # None: no /metrics.
    metrics_listen: str | None = None
    # For each TCP address of `listen`. None: of an authority of the collector's own.
    tls: TlsFiles | None = None
    metrics_tls: TlsFiles | None = None
    # Who has which role by a certificate of `tls.client_authority`; None: each is an agent's.
    roles: Path | None = None
    identity: IdentitySettings = field(default_factory=IdentitySettings)
    # Allows a loopback port without certificates: whatever runs on this machine can submit.
    plaintext: bool = False
    # Bearer tokens, and names with passwords, a line each: /metrics is for who has one.
    metrics_tokens: Path | None = None
    metrics_passwords: Path | None = None
    # Allows /metrics without certificates where other machines reach it.
    metrics_open: bool = False
    # Series of results, hosts and shifts that /metrics has at most.
    metrics_series: int = MAXIMUM_SERIES
    # Every figure's interval and ratio, and warm-up curves, where there is room.
    metrics_detailed: bool = True
    timing: Timing = field(default_factory=Timing)
    limits: Limits = field(default_factory=Limits)
    retention: Retention = field(default_factory=Retention)
    quotas: Quotas = field(default_factory=Quotas)
    jobs: JobLimits = field(default_factory=JobLimits)
    # Old against new, run again in turns, wherever a regression is found.
    confirm_regressions: bool = True
    # The URL of the PostgreSQL database that holds the store; empty: a file in `data` does.
    store: str = ""
    # Whether it shares that database with others, of which one at a time is active.
    stand_by: bool = False

    @property
    def addresses(self) -> tuple[str, ...]:
        """What to listen on."""
        if isinstance(self.listen, str):
            return (self.listen,)
        return self.listen or (f"unix:{(self.data / SOCKET_NAME).absolute()}",)

    @property
    def metrics_have_secrets(self) -> bool:
        """Whether a scrape needs a token or a password."""
        return self.metrics_tokens is not None or self.metrics_passwords is not None

    @property
    def has_authority(self) -> bool:
        """Whether certificates are of an authority of the collector's own."""
        return (
            self.tls is None
            and not self.plaintext
            and any(socket_path(address) is None for address in self.addresses)
        )

    @property
    def identity_folder(self) -> Path:
        """Where that authority is."""
        return (self.data / "identity").absolute()

    @property
    def own_tls(self) -> TlsFiles:
        """The files of that authority: the first holds certificate and key."""
        own = self.identity_folder / "server.pem"
        return TlsFiles(own, own, self.identity_folder / "authority.pem")

    @property
    def port_tls(self) -> TlsFiles | None:
        """What is shown and asked for at each TCP address; None: nothing is."""
        return self.own_tls if self.has_authority else self.tls
