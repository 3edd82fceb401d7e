"""What a page of /metrics says, read as Prometheus reads it."""

from prometheus_client.parser import text_string_to_metric_families


def exposed(page: str, name: str, **labels: str) -> float | None:
    """The value of the one series of this name that has these labels; None: there is none."""
    found = [
        sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    assert len(found) <= 1, f"{name} {labels} is {len(found)} series"
    return found[0] if found else None
