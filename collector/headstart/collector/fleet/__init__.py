"""The agents: their streams, the queue of runs and its leases, and which records count."""

__all__ = ["allowed", "context_requests", "decisions", "fleet", "service"]
