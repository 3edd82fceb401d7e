"""Instances of variants: containers of an engine, or processes of this host.

A new runtime implements the Protocols in `runtime`.
"""

__all__ = [
    "commands",
    "docker_runtime",
    "first_look",
    "members",
    "obstacles",
    "ports",
    "process_runtime",
    "runtime",
]
