"""Counters of a runtime, read from outside: what it compiled, what its GC did."""
