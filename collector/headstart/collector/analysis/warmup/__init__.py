"""Warm-up: from when on throughput is level, of one trial and of a variant's trials together."""

__all__ = ["courses", "detection"]
