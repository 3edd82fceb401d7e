"""Counters of a runtime, read from outside: what it compiled, what its GC did.

A new runtime's source of counters is a file here and a line in `table`.
"""

__all__ = ["read_all"]
