"""`ExperimentsService`: what people and CI ask of a collector."""

__all__ = ["access_service", "service"]
