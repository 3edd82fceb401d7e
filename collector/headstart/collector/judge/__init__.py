"""When what is analysed, in which process and within which limits; and what regressed."""

__all__ = ["analyst", "exporter", "regressions"]
