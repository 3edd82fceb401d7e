"""Instances of variants: containers of an engine, or processes of this host.

docs/ARCHITECTURE.md says what a new runtime needs.
"""

__all__ = [
    "commands",
    "docker_runtime",
    "first_look",
    "line_watch",
    "members",
    "obstacles",
    "ports",
    "process_runtime",
    "runtime",
    "table",
]
