"""The first correct response, for which a process of its own waits; or a line of a log."""

__all__ = ["log_probe", "prober", "readings", "task"]
