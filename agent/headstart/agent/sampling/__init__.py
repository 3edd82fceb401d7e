"""Memory and CPU of an instance over time: a fixed grid while it runs, and peaks of a phase."""

__all__ = ["memory", "processes", "sampler"]
