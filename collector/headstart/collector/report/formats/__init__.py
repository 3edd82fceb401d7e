"""Reports in each of their formats; a new one is a file here and a line in `report.render`."""

__all__ = [
    "comparison_html",
    "gate",
    "html",
    "markdown",
    "several_hosts",
    "terminal_report",
    "two_runs",
]
