"""The collector: stores what agents measured, judges it, and shows the answer.

docs/ARCHITECTURE.md shows its rooms and how a sample goes through them.
"""

__all__ = [
    "analysis",
    "config",
    "experiments",
    "findings",
    "identity",
    "report",
    "server",
    "store",
    "turns",
]
