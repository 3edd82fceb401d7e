"""How many windows a load is cut into: each is kept, sent and stored, so both parts bound them."""

MOST_WINDOWS = 100_000
# Until then windows have a width of their own.
FINE_SECONDS = 5.0
# Of the generator itself, in microseconds: beyond it the latencies of a window are not the app's
# alone.
OWN_PAUSE_LIMIT_US = 5_000


def windows_of(duration: float, width: float, first_width: float) -> float:
    """How many there are, nearly; all in seconds, the widths above 0."""
    fine = min(duration, FINE_SECONDS)
    return fine / first_width + (duration - fine) / width
