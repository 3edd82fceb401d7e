"""Series of figures over revisions, and the shifts in them."""

__all__ = ["shifts"]
