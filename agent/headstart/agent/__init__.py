"""The agent: measures on a test host and streams what it saw to a collector.

docs/ARCHITECTURE.md shows its rooms and how a sample goes through them.
"""

__all__ = [
    "agent",
    "builds",
    "cancellation",
    "engine",
    "host",
    "instances",
    "plan",
    "policy",
    "runtimes",
    "trial",
    "uplink",
]
