"""The calls to a Docker Engine, what they mean when they fail, which image is meant, and pulls."""

__all__ = [
    "docker_client",
    "engine",
    "event_stream",
    "pull_all",
    "pull_ledger",
    "pull_removal",
    "resolution",
    "service_hints",
]
