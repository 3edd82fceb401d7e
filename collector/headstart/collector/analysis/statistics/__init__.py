"""Statistics over plain arrays: they know nothing of trials or metrics."""

__all__ = [
    "change_points",
    "histogram",
    "intervals",
    "meta",
    "ranks",
    "student",
    "trend",
]
