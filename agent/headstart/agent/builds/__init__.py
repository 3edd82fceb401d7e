"""Builds the images of variants, and records what each build took and said."""

__all__ = [
    "build_all",
    "context_archive",
    "context_folders",
    "context_sources",
    "git_program",
    "ledger",
]
