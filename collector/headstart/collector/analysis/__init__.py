"""From records to findings: values, statistics, verdicts and the recommendation.

Pure: it reads no store and no clock.
"""

__all__ = [
    "across",
    "analyse",
    "history",
    "host_check",
    "statistics",
    "trials",
    "verdict",
    "warmup",
]
