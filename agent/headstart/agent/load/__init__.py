"""Load on a measured app, and whether its figures may be used.

A new load driver is a file here and a line in `table`.
"""

__all__ = ["driver", "scratch", "table", "validity"]
