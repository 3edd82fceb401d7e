"""Trials and samples as Parquet files."""

__all__ = ["write"]
