"""How each metric of trials is taken from one: by subject, one `take` for each word.

`EXTRACTORS` has all of them; figures iterate over it.
"""

from headstart.collector.analysis.trials.takes import jobs, load, memory, startup
from headstart.collector.analysis.trials.takes.trial_data import Take, TrialData
from headstart.words.metric import Metric

__all__ = ["EXTRACTORS", "PHASES", "Take", "TrialData"]

# The phases in which a value is read, where not all of its stage is one.
PHASES = memory.PHASES

EXTRACTORS: dict[Metric, Take] = {
    **startup.TAKES,
    **memory.TAKES,
    **load.TAKES,
    **jobs.TAKES,
}
