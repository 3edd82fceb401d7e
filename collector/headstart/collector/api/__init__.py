"""`ExperimentsService`: what people and CI ask of a collector."""

__all__ = ["service"]
