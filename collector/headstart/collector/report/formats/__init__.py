"""Reports in each of their formats."""

__all__ = [
    "assessment_markdown",
    "comparison_html",
    "gate",
    "html",
    "markdown",
    "several_hosts",
    "terminal_report",
    "two_runs",
]
