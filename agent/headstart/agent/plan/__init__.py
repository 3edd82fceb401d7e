"""What a plan says of a run: the order of its trials and builds, and how long they take."""

__all__ = ["forecast", "order"]
