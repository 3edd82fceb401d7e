"""From values to verdicts: comparisons, gates, break-evens, remarks, the recommendation."""

__all__ = [
    "break_even_of_run",
    "cases_of_variants",
    "check_containers",
    "comparison",
    "confounders",
    "decidable",
    "decide",
    "gates",
    "host_fitness",
    "job_break_evens_of_run",
    "memory_floor",
    "outcomes",
    "recommendation",
    "remarks",
]
