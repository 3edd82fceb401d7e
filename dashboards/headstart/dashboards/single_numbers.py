"""Single numbers, which a board begins with."""

from headstart.dashboards.appearance import BLUE, ORANGE
from headstart.dashboards.board import query
from headstart.dashboards.sdk import common, common_builders, dashboard, models, stat


def number(
    title: str,
    description: str,
    expr: str,
    *,
    unit: str = "none",
    bad_from: float | None = None,
    leads_to: str = "",
) -> stat.Panel:
    """One number, orange from `bad_from` on; `leads_to` is the UID of the board that lists it."""
    steps = [models.Threshold(value=None, color=BLUE)]
    if bad_from is not None:
        steps.append(models.Threshold(value=bad_from, color=ORANGE))
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .no_value("0")
        .targets([query(expr)])
        .graph_mode(common.BigValueGraphMode.NONE)
        .reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
        .thresholds(dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps))
    )
    if leads_to:
        panel = panel.data_links([_link(leads_to)])
    return panel


def _link(uid: str) -> dashboard.DashboardLink:
    return (
        dashboard.DashboardLink("Which")
        .type(models.DashboardLinkType.LINK)
        .url(f"/d/{uid}?${{__url_time_range}}")
    )
