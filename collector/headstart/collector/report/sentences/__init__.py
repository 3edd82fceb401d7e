"""The sentences that all formats share."""

__all__ = [
    "history_words",
    "interval_words",
    "job_catching_up",
    "ramp_words",
    "text",
    "wording",
]
