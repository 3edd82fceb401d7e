"""Has runs analysed when they end, in a process of its own and within limits; looks for shifts."""

__all__ = ["analyst", "exporter", "regressions"]
