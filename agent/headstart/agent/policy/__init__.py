"""What the operator of a host allows to be run on it."""

__all__ = ["policy", "policy_file"]
