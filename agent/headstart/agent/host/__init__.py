"""This host: what it is, what disturbs measurements on it, and whether it is idle."""

__all__ = ["facts", "machine", "quiet"]
