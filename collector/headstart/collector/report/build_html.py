"""What the template of builds and diagnostics is given."""

from typing import Any

from headstart.collector.build_results import Category, Working
from headstart.collector.report import build_view
from headstart.collector.results import RunResult

# The page's colours of verdicts say the same of categories.
_CHIPS = {Category.BLOCKING: "worse", Category.REVIEW: "", Category.SUPPRESSIBLE: "equivalent"}

_WORKING_CHIPS = {Working.WORKS: "better", Working.BROKEN: "worse", Working.UNCHECKED: ""}


def build_parts(result: RunResult) -> dict[str, Any]:
    """Names of `build.html.j2` with their values."""
    names, splits = build_view.split_rows(result)
    package_names, packages = build_view.package_table(result)
    return {
        "builds": build_view.build_rows(result),
        "build_note": build_view.BUILD_NOTE,
        "build_names": names,
        "build_splits": splits,
        "build_steps": [
            (build.variant, build_view.step_rows(build))
            for build in build_view.shown_builds(result)
        ],
        "diagnostics": build_view.diagnostic_tables(result),
        "diagnostics_note": build_view.DIAGNOSTICS_NOTE,
        "category_chips": _CHIPS,
        "packages": packages,
        "package_names": package_names,
        "packages_note": build_view.PACKAGES_NOTE,
        "working_chips": _WORKING_CHIPS,
    }
