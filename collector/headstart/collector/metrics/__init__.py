"""/metrics: results and the state of hosts as a Prometheus exposition."""

__all__ = ["application", "page", "publisher", "scrape_secrets"]
