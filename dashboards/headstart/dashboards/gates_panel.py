"""The panel of gates, which more than one board has."""

from headstart.dashboards.appearance import GATE_MAPPING, TITLES
from headstart.dashboards.board_tables import Column, coloured, columns_table, linked
from headstart.dashboards.board_uids import RUN
from headstart.dashboards.report_units import SHOWN_IN, in_report_units
from headstart.dashboards.sdk import models, table

_STATED = models.ValueMap(
    options={
        "yes": models.ValueMappingResult(text="the experiment"),
        "no": models.ValueMappingResult(text="nobody: a default"),
    }
)


def gates(matchers: str) -> table.Panel:
    """What each gate is held against, and its limit, those that fail first."""
    by = f"max by (store, variant, host, metric, side, {SHOWN_IN}"

    def value(stat: str) -> str:
        found = in_report_units("headstart_gate_value", f'{matchers},stat="{stat}"')
        return f"{by}) ({found})"

    limit = f"{by}, outcome, stated) ({in_report_units('headstart_gate_limit', matchers)})"
    of_host = (("experiment", "$experiment"), ("host", "Host"))
    return columns_table(
        "Gates",
        "The figure of the latest run with its 95 % interval, and what it has to be. pass and "
        "fail: the whole interval is on one side of the limit. undecided: it lies across. A "
        "margin is held against the ratio to the baseline.",
        (
            Column("Variant", label="variant", width=150),
            Column("Host", label="host", width=150, look=linked(("The run", RUN, of_host))),
            Column("Figure", label="metric", look={"mappings": [TITLES]}),
            Column("Measured", value("center"), width=120),
            Column("Low", value("ci_low"), width=100),
            Column("High", value("ci_high"), width=100),
            Column("Has to be", label="side", width=120),
            Column("Limit", limit, width=100),
            Column("In", label=SHOWN_IN, width=110),
            Column("Outcome", label="outcome", width=130, look=coloured(GATE_MAPPING)),
            Column("Stated by", label="stated", width=170, look={"mappings": [_STATED]}),
        ),
        sort_by="Outcome",
        no_value="No gate: neither the experiment nor a profile states one",
        filterable=True,
    )
