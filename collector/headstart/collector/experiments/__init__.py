"""What can be run: experiment files, A/A runs, and reruns that confirm a regression."""

__all__ = ["aa", "file", "json_schema", "rerun", "sketch"]
