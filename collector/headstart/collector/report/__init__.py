"""A result as a report: terminal, HTML, Markdown, JSON, JUnit."""

__all__ = ["formats", "render", "sentences"]
