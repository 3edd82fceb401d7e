"""Tables: columns that join several queries, and what stands in their cells."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from headstart.dashboards.board import instant, properties, transformation
from headstart.dashboards.sdk import common, dashboard, models, table

# Pixels. Grafana gives a column without a width 150 of them, beyond the panel's edge if need be.
_LEAST_WIDTH = 60
_COLOURED = {"type": "color-background", "mode": "basic"}
# Where a word is missing there is no colour.
_NO_COLOUR = {"mode": "absolute", "steps": [{"value": None, "color": "transparent"}]}
# What a panel's words for "nothing at all" would else stand in.
_EMPTY_CELL = "–"


@dataclass(frozen=True)
class Column:
    """A column of a table: a query's value, a label that its queries share, or, with both,
    a label that only this query has."""

    title: str
    expr: str = ""
    label: str = ""
    # Pixels; 0: its share of what the others leave.
    width: int = 0
    # Overrides for the column, such as unit or mappings.
    look: Mapping[str, object] = field(default_factory=dict)

    @property
    def overrides(self) -> Mapping[str, object]:
        """All that differs from the table's defaults."""
        return {**({"custom__width": self.width} if self.width else {}), **self.look}


def columns_table(
    title: str,
    description: str,
    columns: Sequence[Column],
    *,
    sort_by: str,
    descending: bool = False,
    no_value: str = "",
    without: Sequence[str] = (),
    filterable: bool = False,
) -> table.Panel:
    """A table that joins several queries (at least two) on the labels that all of them share.

    `no_value` says what it means that there is nothing; `without` are labels that join alone.
    """
    refs = {c.title: chr(ord("A") + i) for i, c in enumerate(c for c in columns if c.expr)}
    values = {c.title: f"Value #{refs[c.title]}" for c in columns if c.expr}
    # The store joins what is of one collector, and says nothing to a reader.
    values_of_labels = (values[c.title] for c in columns if c.expr and c.label)
    hidden = ["store", *without, *values_of_labels]
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .targets([instant(c.expr, refs[c.title]) for c in columns if c.expr])
        .transformations(
            [
                transformation("merge"),
                organize({c.label or values[c.title]: c.title for c in columns}, without=hidden),
                transformation("sortBy", fields={}, sort=[{"field": sort_by, "desc": descending}]),
            ]
        )
        .unit("none")
        .min_width(_LEAST_WIDTH)
        .filterable(filterable)
    )
    if no_value:
        panel = with_words(panel, no_value)
    for column in columns:
        if column.overrides:
            panel = panel.override_by_name(column.title, properties(**column.overrides))
    return panel


def with_words(panel: table.Panel, no_value: str) -> table.Panel:
    """The table with words for when it has no row; a cell that has nothing shows a dash."""
    return panel.no_value(no_value).override_by_regexp(".*", properties(noValue=_EMPTY_CELL))


def organize(
    titles: Mapping[str, str], without: Sequence[str] = ()
) -> models.DataTransformerConfig:
    """Orders and renames columns, and leaves out some and the time of the query."""
    return transformation(
        "organize",
        excludeByName=dict.fromkeys(("Time", *without), True),
        includeByName={},
        indexByName={name: i for i, name in enumerate(titles)},
        renameByName=dict(titles),
    )


def matrix(column: str, row: str, value: str) -> models.DataTransformerConfig:
    """One row a value of `row`, one column a value of `column`; the first column's name is
    both with a backslash between."""
    return transformation(
        "groupingToMatrix",
        columnField=column,
        rowField=row,
        valueField=value,
        emptyValue="null",
    )


def coloured(mapping: models.ValueMap) -> dict[str, object]:
    """The look of a column whose words have a colour behind them."""
    return {
        "mappings": [mapping],
        "custom__cellOptions": _COLOURED,
        "custom__align": "center",
        "thresholds": _NO_COLOUR,
    }


def coloured_matrix(
    title: str,
    description: str,
    expr: str,
    mapping: models.ValueMap,
    *,
    rows: str,
    columns: str,
    titles: Mapping[str, str],
    no_value: str,
    first_width: int = 250,
) -> table.Panel:
    """One row a value of the label `rows`, one column a value of `columns`, one word a cell.

    `titles` are those of the columns, in their order; the first column's is that of `rows`.
    """
    first = titles[rows]
    names = {f"{rows}\\{columns}": first} | {k: v for k, v in titles.items() if k != rows}
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .targets([instant(expr)])
        .transformations([matrix(columns, rows, "Value"), organize(names)])
        .unit("none")
        .min_width(_LEAST_WIDTH)
        .mappings([mapping])
        .thresholds(
            dashboard.ThresholdsConfig()
            .mode(models.ThresholdsMode.ABSOLUTE)
            .steps([models.Threshold(value=None, color="transparent")])
        )
        .align(common.FieldTextAlignment.CENTER)
        .cell_options(
            common.TableColoredBackgroundCellOptions(
                mode=common.TableCellBackgroundDisplayMode.BASIC
            )
        )
    )
    return with_words(panel, no_value).override_by_name(
        first,
        properties(
            custom__cellOptions={"type": "auto"}, custom__align="left", custom__width=first_width
        ),
    )


def linked(*links: tuple[str, str, Iterable[tuple[str, str]]]) -> dict[str, object]:
    """The look of a column whose cells link to boards, at the time range that is looked at.

    Each link is its title, a board's UID, and of the variables that it sets the name and the
    title of the column, or the value itself where it begins with a `$`.
    """
    return {
        "links": [
            {"title": title, "url": f"/d/{uid}?{_chosen(variables)}${{__url_time_range}}"}
            for title, uid, variables in links
        ]
    }


def _chosen(variables: Iterable[tuple[str, str]]) -> str:
    def value(named: str) -> str:
        field_of_row = f'${{__data.fields["{named}"]:percentencode}}'
        return f"${{{named[1:]}:percentencode}}" if named.startswith("$") else field_of_row

    return "".join(f"var-{name}={value(named)}&" for name, named in variables)
