"""The first correct response: a process of its own waits for it and stamps it."""

__all__ = ["prober", "readings", "task"]
