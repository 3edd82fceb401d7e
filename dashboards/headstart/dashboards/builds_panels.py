"""The panels of "Builds and images"."""

from headstart.dashboards.appearance import ORANGE, UNITS
from headstart.dashboards.board import by_name
from headstart.dashboards.board_tables import Column, coloured, columns_table
from headstart.dashboards.panels import bars, lines
from headstart.dashboards.sdk import bargauge, common, models, table, timeseries
from headstart.words import metrics
from headstart.words.metric import Metric

EXPERIMENT = 'experiment=~"$experiment"'
_CHOSEN = f'{EXPERIMENT},cpu_model=~"$cpu_model",variant=~"$variant"'
_NO_BUILDS = "No build was measured: an experiment file that says how to build has them"
_NO_IMAGE = "No image was measured: these variants are commands"
_MISLABELLED = models.ValueMap(
    options={
        "yes": models.ValueMappingResult(text="not what it is called", color=ORANGE),
        "no": models.ValueMappingResult(text="as it is called", color="transparent"),
    }
)


def _middle(metric: Metric, by: str) -> str:
    """The median of the hosts' figures."""
    return f'quantile by ({by}) (0.5, {metric.series}{{{_CHOSEN},stat="center"}})'


def _column(metric: Metric, by: str, title: str, width: int = 0) -> Column:
    return Column(
        title, _middle(metric, by), width=width, look={"unit": UNITS[metric.unit], "decimals": 1}
    )


def _no_value(metric: Metric) -> str:
    return _NO_BUILDS if metric.name.startswith("build_") else _NO_IMAGE


def bar_for_each(metric: Metric) -> bargauge.Panel:
    """A bar for each variant, the smallest first; the median of the hosts."""
    return bars(
        metric.title,
        f"{metric.description} The median over the hosts.",
        UNITS[metric.unit],
        f"sort({_middle(metric, 'store, variant')})",
        "{{variant}}",
        _no_value(metric),
    )


def images() -> table.Panel:
    """A row for each variant: sizes, and what its program is."""
    by = "store, experiment, variant"
    kinds = "compilation, binary_kind, mislabelled"
    return columns_table(
        "Images",
        "Layers unpacked and as they are pulled, what is above the base, and the app's own files. "
        "Program: what was found in the image, whatever it is called.",
        (
            Column("Variant", label="variant"),
            Column("Compiled", label="compilation", width=110),
            Column("Program", label="binary_kind", width=200),
            Column(
                "Label",
                f"max by ({by}, {kinds}) (headstart_variant_info{{{_CHOSEN}}})",
                "mislabelled",
                width=170,
                look=coloured(_MISLABELLED),
            ),
            _column(metrics.IMAGE_UNPACKED, by, "Unpacked", 120),
            _column(metrics.IMAGE_PULL, by, "To pull", 120),
            _column(metrics.IMAGE_ABOVE_BASE, by, "Above its base", 130),
            _column(metrics.IMAGE_OWN, by, "Own files", 120),
        ),
        sort_by="Unpacked",
        no_value=_NO_IMAGE,
        without=("experiment",),
    )


def mislabelled() -> table.Panel:
    """Variants of all experiments whose program is not what they are called."""
    wrong = 'headstart_variant_info{mislabelled="yes"}'
    by = "store, experiment, variant, compilation, digest"
    return columns_table(
        "Not what they are called, in all experiments",
        "What is measured as ahead-of-time and is a jar, or the other way round: its verdicts "
        "speak of something else.",
        (
            Column("Experiment", label="experiment"),
            Column("Variant", label="variant"),
            Column("Said to be", label="compilation", width=110),
            Column("Is", f"max by ({by}, binary_kind) ({wrong})", "binary_kind", width=220),
            Column("Hosts", f"count by ({by}) ({wrong})", width=80),
            Column("Digest", label="digest", width=560),
        ),
        sort_by="Experiment",
        no_value="Every program is what it is called, as far as that can be seen",
    )


def build_by_hardware() -> table.Panel:
    """A row for each variant and CPU model; the median of the hosts."""
    by = "store, experiment, variant, cpu_model"
    return columns_table(
        "Builds and cold pulls",
        "The median over the hosts of each CPU model. Building goes at the machine's pace, so "
        "compare within one.",
        (
            Column("CPU", label="cpu_model", width=330),
            Column("Variant", label="variant"),
            _column(metrics.BUILD, by, "Build", 130),
            _column(metrics.BUILD_CPU, by, "CPU time", 130),
            _column(metrics.BUILD_MEMORY, by, "Memory", 130),
            _column(metrics.PULL, by, "Cold pull", 130),
            _column(metrics.PULL_TRANSFERRED, by, "Pulled", 130),
        ),
        sort_by="CPU",
        no_value=_NO_BUILDS,
        without=("experiment",),
    )


def over_revisions(metric: Metric) -> timeseries.Panel:
    """The median of the hosts from run to run."""
    return (
        lines(
            f"{metric.title} from run to run",
            "Each step is a run of another revision; the median over the hosts.",
            UNITS[metric.unit],
            _middle(metric, "store, variant"),
            "{{variant}}",
            no_value=_no_value(metric),
        )
        .line_interpolation(common.LineInterpolation.STEP_AFTER)
        .color_scheme(by_name())
    )
