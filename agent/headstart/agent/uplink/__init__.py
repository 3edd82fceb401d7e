"""What goes to the collector and what comes from it: spool, stream, leases."""

__all__ = [
    "collector_addresses",
    "collector_bounds",
    "collector_tls",
    "context_fetch",
    "enrolled",
    "experiment_bounds",
    "held_runs",
    "redaction",
    "renewal",
    "spool",
    "stream",
    "wire",
]
