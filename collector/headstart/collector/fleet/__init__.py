"""The agents: their streams, the queue of runs and its leases, and which records count."""

__all__ = ["decisions", "fleet", "service"]
