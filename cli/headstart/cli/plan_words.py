"""What a plan can decide, and how long it takes, in words: for `check`, and before every run."""

from headstart.v1.experiment_pb2 import Experiment
from headstart.v1.experiments_pb2 import Problem


def plan_problems(experiment: Experiment) -> tuple[list[Problem], list[Problem]]:
    """Gates of the file that its plan can never decide; and what else it cannot, as warnings.

    Both with their lines, in the order of the file.
    """
    # Analysis needs numpy, which `--help` does not wait for.
    from headstart.collector.analysis.verdict.decidable import undecidable
    from headstart.collector.experiments.file import placed

    found = undecidable(experiment)
    mistakes = [(each.path, each.text) for each in found if each.stated]
    warnings = [(each.path, each.text) for each in found if not each.stated]
    text = experiment.source_text
    return placed(text, mistakes), placed(text, warnings)


def time_words(experiment: Experiment) -> str:
    """Such as "about 14 min (10 to 28 min with blocks: auto), if each start takes 1 s"."""
    from headstart.agent.plan.forecast import assumptions, forecast

    found = forecast(experiment)
    about = f"about {span(found.likely)}"
    if found.is_open:
        about += f" ({_both(found.least, found.most)} with blocks: auto)"
    builds = [clause for clause in assumptions(experiment) if clause.startswith("builds")]
    supposed = [clause for clause in assumptions(experiment) if clause not in builds]
    return "; ".join([f"{about}, if {_listed(supposed)}", *builds])


def span(seconds: float) -> str:
    """As one says it: 40 s, 14 min, 2 h 10 min."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def _both(least: float, most: float) -> str:
    """With the unit once, where both have the same."""
    low, high = span(least), span(most)
    number, _, unit = low.partition(" ")
    return f"{number} to {high}" if high.endswith(f" {unit}") else f"{low} to {high}"


def _listed(clauses: list[str]) -> str:
    if len(clauses) == 1:
        return clauses[0]
    return f"{', '.join(clauses[:-1])} and {clauses[-1]}"
