"""From records to findings: values, statistics, verdicts and the recommendation.

Pure: it reads no store and no clock.
"""

__all__ = [
    "aa_of_host",
    "across",
    "analyse",
    "history",
    "statistics",
    "trials",
    "verdict",
    "warmup",
]
