"""Trials, windows of load and samples as Parquet files."""

__all__ = ["write"]
