"""The memory floor: the smallest memory limit at which a variant still starts and serves."""

__all__ = ["search_all"]
