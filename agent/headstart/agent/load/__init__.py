"""Load on a measured app, and whether its figures may be used.

docs/ARCHITECTURE.md says what a new load driver needs.
"""

__all__ = ["driver", "scratch", "table", "validity"]
