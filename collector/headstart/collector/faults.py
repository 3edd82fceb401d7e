"""What keeps a collector from starting."""

from pathlib import Path


class StartFault(Exception):
    """The message says what to change, for a person."""


class FolderInUse(StartFault):
    """Another collector works on this data folder."""

    def __init__(self, folder: Path, owner: str) -> None:
        super().__init__(
            f"{folder} is in use by another collector{f' (process {owner})' if owner else ''}: "
            "stop that one, or choose another data folder"
        )


class StoreInUse(StartFault):
    """Another collector writes to this database."""

    def __init__(self, database: str, owner: str) -> None:
        super().__init__(
            f"{database} is in use by another collector{f' ({owner})' if owner else ''}: "
            "stop that one, or choose another database or schema"
        )
