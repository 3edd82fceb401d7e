"""The store: a folder with one SQLite file, its tables, its one writer, its queries."""

__all__ = [
    "contexts",
    "decode",
    "hello",
    "hosts",
    "packed",
    "points",
    "queries",
    "record_bounds",
    "records",
    "results",
    "retention",
    "runs",
    "shifts",
    "sqlite",
    "store",
    "stored_values",
    "writer",
]
