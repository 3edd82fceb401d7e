"""How a table is written: each format in the module that `ExportFormat` of the protocol names."""

__all__ = ["NEEDED"]

# What a format needs beyond the collector's own packages, by the name that is imported.
NEEDED = {"parquet": "pyarrow"}
