"""What keeps a collector from starting."""


class StartFault(Exception):
    """The message says what to change, for a person."""
