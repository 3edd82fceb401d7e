"""What a report shows, as rows and blocks ready to be set, the same for every format."""

__all__ = [
    "assessed_builds_view",
    "assessment_view",
    "build_view",
    "cases_view",
    "checklist_view",
    "companions_view",
    "counters_view",
    "decision",
    "hosts_view",
    "memory_view",
    "start_view",
    "text_forest",
    "view",
]
