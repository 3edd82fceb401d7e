"""The jobs of a batch program, by the names that files, records and metrics give them."""

from enum import StrEnum


class JobName(StrEnum):
    """In the order in which they are run."""

    SHORT = "short"
    LONG = "long"
