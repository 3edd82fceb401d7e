"""The choice of one experiment, of which a board can show the most at first."""

from headstart.dashboards.board import one_of
from headstart.dashboards.sdk import dashboard, models
from headstart.words.experiment_names import AA_SUFFIX, RERUN_SUFFIX

# Not A/A runs and reruns, which ask something else of a variant than whether it ships.
_PLAIN = "|".join(suffix.removeprefix(".") for suffix in (AA_SUFFIX, RERUN_SUFFIX))
OF_FILES = f'experiment!~".+[.]({_PLAIN})"'


# Of each variant that is compared one for each host: most where there is most to decide.
DECIDED = f"headstart_recommendation{{{OF_FILES}}}"


def experiment_with(series: str, *, all_runs: bool = False) -> dashboard.QueryVariable:
    """A choice of one experiment; the first is the one with the most of `series`, if any.

    `all_runs`: A/A runs and reruns can be chosen too.
    """
    most = f"count by (experiment) ({series})"
    runs = "headstart_run_info" + ("" if all_runs else f"{{{OF_FILES}}}")
    others = f"count by (experiment) ({runs}) * 0"
    return (
        one_of("experiment", "Experiment", f"query_result(sort_desc({most} or {others}))")
        .regex('/experiment="([^"]+)"/')
        .sort(models.VariableSort.DISABLED)
    )
