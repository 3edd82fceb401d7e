"""What every dashboard here has in common: the grid, queries, variables, lines."""

from collections.abc import Sequence
from typing import Any

from headstart.dashboards.sdk import (
    PromQueryFormat,
    builder,
    common,
    common_builders,
    dashboard,
    models,
    prometheus,
    variants,
)

# Every dashboard has it, and every dashboard links to all that do.
TAG = "headstart"
GRID_WIDTH = 24
DATASOURCE = common.DataSourceRef(type_val="prometheus", uid="${datasource}")

Panel = Any  # the SDK's panel builders have the same methods and no common type

Target = builder.Builder[variants.Dataquery]


class Board:
    """A dashboard whose panels flow left to right, each with an id and a place.

    The SDK leaves ids empty and lets a panel that does not fit hang over the grid's edge.
    """

    def __init__(self, uid: str, title: str, description: str) -> None:
        self._id = 0
        self._x = self._y = self._height = 0
        self.builder = (
            dashboard.Dashboard(title)
            .uid(uid)
            .description(description)
            .tags([TAG])
            .readonly()
            .tooltip(models.DashboardCursorSync.CROSSHAIR)
            .time("now-30d", "now")
            .refresh("1m")
            .timezone("browser")
            .link(
                dashboard.DashboardLink("Headstart")
                .type(models.DashboardLinkType.DASHBOARDS)
                .tags([TAG])
                .include_vars(True)
                .keep_time(True)
            )
            .with_variable(
                dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
            )
        )

    def row(self, title: str) -> None:
        """Begins a titled row."""
        self._new_line()
        self.builder.with_row(
            dashboard.Row(title).id(self._next_id()).grid_pos(self._place(GRID_WIDTH, 1))
        )

    def add(self, panel: Panel, width: int, height: int) -> None:
        """Places a panel right of the last one, or below where it does not fit."""
        if self._x + width > GRID_WIDTH:
            self._new_line()
        panel = panel.id(self._next_id()).grid_pos(self._place(width, height))
        self.builder.with_panel(panel.datasource(DATASOURCE))

    def _next_id(self) -> int:
        self._id += 1
        return self._id

    def _place(self, width: int, height: int) -> models.GridPos:
        place = models.GridPos(x=self._x, y=self._y, w=width, h=height)
        self._x += width
        self._height = max(self._height, height)
        return place

    def _new_line(self) -> None:
        self._x, self._y, self._height = 0, self._y + self._height, 0


def variable(
    name: str, label: str, query: str, selected: Sequence[str] = ()
) -> builder.Builder[models.VariableModel]:
    """A choice of label values; all of them unless some are `selected` from the start."""
    current = models.VariableOption(selected=True, text="All", value="$__all")
    if selected:
        current = models.VariableOption(selected=True, text=list(selected), value=list(selected))
    return (
        _variable(name, label, query).current(current).multi(True).include_all(True).all_value(".+")
    )


def one_of(name: str, label: str, query: str) -> dashboard.QueryVariable:
    """A choice of one label value; the first of them from the start."""
    return _variable(name, label, query).multi(False).include_all(False)


def _variable(name: str, label: str, query: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .query(query)
        .definition(query)
        .datasource(DATASOURCE)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
    )


def query(expr: str, legend: str = "", ref: str = "A") -> Target:
    """A query over the dashboard's time range."""
    return _query(expr, ref).range().legend_format(legend)


def instant(expr: str, ref: str = "A") -> Target:
    """A query for now, as a table: one row a series, one column a label."""
    return _query(expr, ref).instant().format(PromQueryFormat.TABLE)


def of_now(expr: str, legend: str) -> Target:
    """A query for now, each series by its name."""
    return _query(expr, "A").instant().legend_format(legend)


def _query(expr: str, ref: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().datasource(DATASOURCE).expr(expr).ref_id(ref)


def transformation(name: str, **options: object) -> models.DataTransformerConfig:
    """One step between the data and the panel."""
    return models.DataTransformerConfig(id_val=name, options=options)


def properties(**values: object) -> list[models.DynamicConfigValue]:
    """Properties of a field override; `custom__x` stands for `custom.x`."""
    return [
        models.DynamicConfigValue(id_val=name.replace("__", "."), value=value)
        for name, value in values.items()
    ]


def by_name() -> dashboard.FieldColor:
    """A colour for each name, so that a variant has the same one on every board."""
    return dashboard.FieldColor().mode(models.FieldColorModeId.PALETTE_CLASSIC_BY_NAME)


def list_legend(
    placement: common.LegendPlacement = common.LegendPlacement.BOTTOM,
) -> common_builders.VizLegendOptions:
    """A legend that takes one line, or with `placement` a column at the right."""
    return (
        common_builders.VizLegendOptions()
        .display_mode(common.LegendDisplayMode.LIST)
        .placement(placement)
        .show_legend(True)
    )
