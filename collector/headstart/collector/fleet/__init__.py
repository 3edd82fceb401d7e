"""The agents: their streams, the queue of runs and its leases, and what is taken of a stream."""

__all__ = ["decisions", "fleet", "service"]
