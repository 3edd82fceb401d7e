"""What a report shows, as rows and blocks ready to be set, the same for every format."""

__all__ = [
    "build_view",
    "cases_view",
    "companions_view",
    "counters_view",
    "decision",
    "hosts_view",
    "memory_view",
    "start_view",
    "text_forest",
    "view",
]
