"""One trial: a fresh instance, its phases, its evidence; a service or a batch program."""

__all__ = ["batch_trial", "companion_use", "conformance", "needs", "refusals", "tools", "trial"]
