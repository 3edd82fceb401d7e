"""The tables of the store. Protobuf messages and payloads lie in them as bytes.

Times are Unix seconds, 0 for "not yet", as in `RunSummary`. A change here needs
a step in `migrations`.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    Table,
    text,
)

from headstart.collector.store.column_types import NUMBER, ROW_NUMBER, TEXT, words

metadata = MetaData()

# What a batch takes beside its payload: its columns, and its places in two indexes.
ROW_BYTES = 128

# One row. The first table that an opener reads, so that a newer store is refused
# before anything in it is touched.
version = Table(
    "version",
    metadata,
    Column("version", NUMBER, nullable=False),
    # What tells this store from others wherever their figures meet, as in a Prometheus that
    # scrapes several collectors. Made once; backups of the store keep it.
    Column("store_id", words(12), nullable=False, server_default=""),
)

hosts = Table(
    "hosts",
    metadata,
    Column("host", words(253), primary_key=True),
    # HostFacts with the labels, and Policy, as of the last hello.
    Column("facts", LargeBinary, nullable=False),
    Column("policy", LargeBinary, nullable=False),
    Column("first_seen_seconds", Float, nullable=False),
    Column("last_seen_seconds", Float, nullable=False),
    # Of the raw batches of all its runs; with ROW_BYTES each.
    Column("stored_bytes", BigInteger, nullable=False, server_default="0"),
    # Since when it is given no run by an operator's word, and why.
    Column("drained_seconds", Float, nullable=False, server_default="0"),
    Column("drain_reason", TEXT, nullable=False, server_default=""),
)

# What hosts were called before: an agent that still says so is told the name that it has.
former_names = Table(
    "former_names",
    metadata,
    Column("former", words(253), primary_key=True),
    Column("host", ForeignKey("hosts.host"), nullable=False),
    Column("renamed_seconds", Float, nullable=False),
)

streams = Table(
    "streams",
    metadata,
    Column("stream_id", words(64), primary_key=True),
    Column("host", ForeignKey("hosts.host"), nullable=False),
    # Highest sequence up to which everything was durable. Kept apart from the
    # batches, since these may be pruned.
    Column("acked", BigInteger, nullable=False),
    # Envelope.mark of that record; 0: not known.
    Column("mark", BigInteger, nullable=False, server_default="0"),
    # The n-th stream of its host.
    Column("number", BigInteger, nullable=False, server_default="0"),
    Index("streams_by_host", "host", "number"),
)

experiments = Table(
    "experiments",
    metadata,
    Column("id", ROW_NUMBER, primary_key=True),
    Column("name", words(63), nullable=False),
    Column("revision", words(128), nullable=False),
    Column("source_text", TEXT, nullable=False),
    # Experiment, checked and normalised.
    Column("experiment", LargeBinary, nullable=False),
    Column("submitted_seconds", Float, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", words(40), primary_key=True),
    Column("experiment_id", ForeignKey("experiments.id"), nullable=False),
    Column("host", ForeignKey("hosts.host"), nullable=False),
    # HostFacts as of the lease: what the figures were measured on.
    Column("facts", LargeBinary, nullable=False),
    # A RunState.
    Column("state", NUMBER, nullable=False),
    # 0: never leased.
    Column("attempt", NUMBER, nullable=False),
    # Attempts that were lost; bounds how often the run is queued again.
    Column("losses", NUMBER, nullable=False),
    # Attempts that agents gave back; bounded apart.
    Column("returns", NUMBER, nullable=False, server_default="0"),
    # The stream that the attempt was leased to: all of its records are of this one.
    # Empty: leased by a release that did not note it.
    Column("stream_id", words(64), nullable=False, server_default=""),
    Column("cancel_requested", Boolean, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("submitted_seconds", Float, nullable=False),
    Column("started_seconds", Float, nullable=False),
    Column("ended_seconds", Float, nullable=False),
    Column("progress", LargeBinary, nullable=False),
    # When the raw batches were deleted; the result stays.
    Column("pruned_seconds", Float, nullable=False),
    # Of its raw batches, of all attempts.
    Column("stored_bytes", BigInteger, nullable=False, server_default="0"),
    # The highest goes first.
    Column("priority", NUMBER, nullable=False, server_default="0"),
    # By when an agent must have it; 0: none was stated.
    Column("expires_seconds", Float, nullable=False, server_default="0"),
    # Where any of several hosts may have it: their names, each between two line breaks.
    Column("candidates", TEXT, nullable=False, server_default=""),
    # The n-th run to end (`end_order`); 0: it has not ended.
    Column("end_order", BigInteger, nullable=False, server_default="0"),
    Index("runs_by_host_and_state", "host", "state"),
    # Experiments are numbered as they are submitted, so no clock decides which is the newest.
    Index("runs_by_submission", "experiment_id", "run_id"),
    Index("runs_by_end", "end_order"),
    # Of thousands of runs those few that are queued (RUN_STATE_QUEUED).
    Index(
        "runs_that_wait",
        "host",
        sqlite_where=text("state = 1"),
        postgresql_where=text("state = 1"),
    ),
    # And of those the ones that any of several hosts may have: a host is no key of them.
    Index(
        "runs_that_any_may_have",
        "candidates",
        sqlite_where=text("state = 1 AND candidates <> ''"),
        postgresql_where=text("state = 1 AND candidates <> ''"),
    ),
)

# The envelopes, header as columns, payload opaque.
batches = Table(
    "batches",
    metadata,
    Column("stream_id", words(64), primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    Column("run_id", words(40), nullable=False),
    Column("attempt", NUMBER, nullable=False),
    Column("trial", BigInteger, nullable=False),
    Column("kind", NUMBER, nullable=False),
    Column("rows", NUMBER, nullable=False),
    Column("encoding", NUMBER, nullable=False),
    Column("decoded_bytes", NUMBER, nullable=False),
    Column("crc32", BigInteger, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    # An attempt writes one stream, so its sequence is its order.
    Index("batches_by_attempt", "run_id", "attempt", "sequence"),
)

results = Table(
    "results",
    metadata,
    Column("run_id", ForeignKey("runs.run_id"), primary_key=True),
    Column("attempt", NUMBER, nullable=False),
    # A RunResult as JSON; empty when the analysis failed.
    Column("result_json", TEXT, nullable=False),
    # What went wrong in the analysis; empty: nothing.
    Column("fault", TEXT, nullable=False),
    Column("analysed_seconds", Float, nullable=False),
)

# What ended runs say of each figure, so that judging a series reads no result.
points = Table(
    "points",
    metadata,
    Column("run_id", ForeignKey("runs.run_id"), primary_key=True),
    Column("variant", words(63), primary_key=True),
    Column("metric", words(63), primary_key=True),
    Column("experiment", words(63), nullable=False),
    Column("fingerprint", words(64), nullable=False),
    # A digest over what must be alike beside the hardware.
    Column("setup", words(12), nullable=False),
    Column("host", words(253), nullable=False),
    Column("cpu_model", TEXT, nullable=False),
    Column("revision", words(128), nullable=False),
    # What ran: an image's id, or a digest over a command's files.
    Column("digest", words(80), nullable=False),
    Column("ended_seconds", Float, nullable=False),
    Column("value", Float, nullable=False),
    Column("trials", NUMBER, nullable=False),
    Column("flagged", Boolean, nullable=False),
    Index(
        "points_by_series",
        "experiment",
        "variant",
        "metric",
        "fingerprint",
        "setup",
        "ended_seconds",
    ),
)

# Runs whose points were judged: once each, at arrival.
judged = Table(
    "judged",
    metadata,
    Column("run_id", ForeignKey("runs.run_id"), primary_key=True),
    Column("judged_seconds", Float, nullable=False),
)

shifts = Table(
    "shifts",
    metadata,
    Column("id", ROW_NUMBER, primary_key=True),
    Column("experiment", words(63), nullable=False),
    Column("variant", words(63), nullable=False),
    Column("metric", words(63), nullable=False),
    Column("fingerprint", words(64), nullable=False),
    Column("setup", words(12), nullable=False),
    Column("cpu_model", TEXT, nullable=False),
    Column("since_run_id", ForeignKey("runs.run_id"), nullable=False),
    Column("since_revision", words(128), nullable=False),
    Column("before", Float, nullable=False),
    Column("after", Float, nullable=False),
    Column("ratio", Float, nullable=False),
    # 95 % interval of the ratio; 0: none was made, as of a figure that does not vary.
    Column("ratio_low", Float, nullable=False, server_default="0"),
    Column("ratio_high", Float, nullable=False, server_default="0"),
    Column("worse", Boolean, nullable=False),
    # A ShiftState and a Confirmation.
    Column("state", NUMBER, nullable=False),
    Column("confirmation", NUMBER, nullable=False),
    Column("first_seen_seconds", Float, nullable=False),
    Column("found_by_run_id", ForeignKey("runs.run_id"), nullable=False),
    Column("rerun_run_id", words(40), nullable=False),
    Column("note", TEXT, nullable=False),
    Column("ended_seconds", Float, nullable=False),
    Index("shifts_by_experiment", "experiment", "first_seen_seconds"),
)

# Backups of which this store was made: what happened between the two times is not in it.
restores = Table(
    "restores",
    metadata,
    Column("made_seconds", Float, nullable=False),
    Column("restored_seconds", Float, nullable=False),
)

# Whose certificates are refused: by serial number, or by a name; the other one is empty.
revoked = Table(
    "revoked",
    metadata,
    Column("serial", words(64), primary_key=True),
    Column("name", words(253), primary_key=True),
    Column("reason", TEXT, nullable=False),
    # Who revoked it, as the audit calls a caller.
    Column("by", TEXT, nullable=False),
    Column("revoked_seconds", Float, nullable=False),
)

# Certificates that somebody showed, whatever authority made them.
identities = Table(
    "identities",
    metadata,
    Column("serial", words(64), primary_key=True),
    Column("name", words(253), primary_key=True),
    # As of the last call; several have + between them.
    Column("role", words(40), nullable=False),
    # Whether the collector's own authority made it.
    Column("own", Boolean, nullable=False),
    Column("expires_seconds", Float, nullable=False),
    Column("first_seen_seconds", Float, nullable=False),
    Column("last_seen_seconds", Float, nullable=False),
)

# What was done and what was refused. Never what somebody must not read: no values, no tokens.
audit = Table(
    "audit",
    metadata,
    Column("id", ROW_NUMBER, primary_key=True),
    Column("time_seconds", Float, nullable=False),
    Column("who", words(253), nullable=False),
    Column("role", words(40), nullable=False),
    Column("serial", words(64), nullable=False),
    Column("peer", words(100), nullable=False),
    Column("action", words(60), nullable=False),
    Column("object", TEXT, nullable=False),
    Column("outcome", words(40), nullable=False),
    Column("detail", TEXT, nullable=False),
    Column("times", NUMBER, nullable=False),
    Index("audit_by_time", "time_seconds"),
)
