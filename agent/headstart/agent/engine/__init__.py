"""The calls to a Docker Engine, what they mean when they fail, and which image is meant."""

__all__ = ["docker_client", "engine", "resolution", "service_hints"]
