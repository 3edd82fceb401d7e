"""Several runs together: two of them, one experiment on several hosts, those of an assessment."""

__all__ = ["assessment", "pooled", "several_hosts", "two_runs"]
