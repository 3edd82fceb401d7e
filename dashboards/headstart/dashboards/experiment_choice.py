"""The choice of one experiment, of which a board can show the most at first."""

from headstart.dashboards.board import one_of
from headstart.dashboards.sdk import dashboard, models
from headstart.words.experiment_names import AA_SUFFIX, RERUN_SUFFIX

# Not A/A runs and reruns, which ask something else of a variant than whether it ships.
_PLAIN = "|".join(suffix.removeprefix(".") for suffix in (AA_SUFFIX, RERUN_SUFFIX))
OF_FILES = f'experiment!~".+[.]({_PLAIN})"'


def experiment_with(series: str) -> dashboard.QueryVariable:
    """A choice of one experiment; the first is the one with the most of `series`, if any."""
    most = f"count by (experiment) ({series})"
    others = f"count by (experiment) (headstart_run_info{{{OF_FILES}}}) * 0"
    return (
        one_of("experiment", "Experiment", f"query_result(sort_desc({most} or {others}))")
        .regex('/experiment="([^"]+)"/')
        .sort(models.VariableSort.DISABLED)
    )
