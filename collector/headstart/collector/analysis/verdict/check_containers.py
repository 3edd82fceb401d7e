"""What a reader has to know of the containers that tested the variants."""

from collections.abc import Iterator

from headstart.collector.analysis.trials.trial_records import RunRecords
from headstart.collector.findings import Fact
from headstart.v1.experiment_pb2 import Experiment
from headstart.words.containers import CHECK_PREFIX


def check_containers(experiment: Experiment, run: RunRecords) -> Iterator[Fact]:
    """Which image each of them was, whatever its tag means by now."""
    others = run.started.others if run.started else ()
    digests = {other.variant: other.digest for other in others}
    for number, check in enumerate(experiment.service.checks, 1):
        if check.HasField("container"):
            image = check.container.container.image
            digest = digests.get(f"{CHECK_PREFIX}{number}", "")
            shown = f"{image} ({digest[:19]})" if digest else image
            yield Fact(f"container of {check.name}", shown)
