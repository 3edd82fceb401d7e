"""The sentences that all formats share."""

__all__ = ["job_catching_up", "ramp_words", "shift_words", "text", "wording"]
