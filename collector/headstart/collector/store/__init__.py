"""The store: a folder with one SQLite file, its tables, its one writer, its queries."""

__all__ = [
    "audit_rows",
    "contexts",
    "decode",
    "hello",
    "host_changes",
    "hosts",
    "packed",
    "points",
    "queries",
    "record_bounds",
    "records",
    "results",
    "retention",
    "revocations",
    "runs",
    "shifts",
    "sqlite",
    "store",
    "stored_values",
    "writer",
]
