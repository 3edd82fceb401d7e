"""Several runs set against each other: two of them, or one experiment on several hosts."""

__all__ = ["pooled", "several_hosts", "two_runs"]
