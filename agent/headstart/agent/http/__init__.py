"""Asking a measured app over HTTP, and what a correct answer is."""

__all__ = [
    "app_client",
    "app_tls",
    "check_runner",
    "checks",
    "container_checks",
    "json_compare",
    "junit",
    "response",
    "serialise",
]
