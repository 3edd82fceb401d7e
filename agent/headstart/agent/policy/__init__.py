"""What the operator of a host allows to be run on it."""

__all__ = [
    "context_rules",
    "host_paths",
    "host_secrets",
    "keys",
    "policy",
    "policy_file",
    "pull_rules",
]
