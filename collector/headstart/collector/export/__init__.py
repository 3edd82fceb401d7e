"""Trials, windows of load and samples as files, one a table."""

__all__ = ["formats", "write"]
