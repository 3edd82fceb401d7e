"""Times that a collector names, in UTC: it may name any number, and no clock has such a day."""

import time


def minute(seconds: float) -> str:
    """A day and its minute."""
    return _shown(seconds, "%Y-%m-%d %H:%M")


def second(seconds: float) -> str:
    """A day and its second."""
    return _shown(seconds, "%Y-%m-%d %H:%M:%S")


def _shown(seconds: float, form: str) -> str:
    try:
        return time.strftime(form, time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):
        return "no date"
