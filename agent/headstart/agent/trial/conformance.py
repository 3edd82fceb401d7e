"""The variants' answers to the same checks, held against the baseline's, block by block."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from headstart.agent.http.json_compare import differences
from headstart.agent.trial.trial import TrialResult
from headstart.v1.experiment_pb2 import Experiment
from headstart.v1.records_pb2 import CheckOutcome


@dataclass
class Conformance:
    """Collects a block's trials; a block without the baseline's answers compares with its last."""

    experiment: Experiment
    # Body of the baseline by check and stage.
    _baseline: dict[tuple[str, int], bytes] = field(default_factory=dict)
    _block: list[TrialResult] = field(default_factory=list)

    def take(self, result: TrialResult) -> None:
        """A trial of the block that runs now."""
        if self.experiment.service.compare_with_baseline:
            self._block.append(result)

    def block_done(self) -> Iterator[CheckOutcome]:
        """An outcome, not passed, for every answer that differs from the baseline's.

        Answers that failed their own check are left out: they have an outcome already.
        """
        results, self._block = self._block, []
        for result in results:
            if result.outcome.variant == self.experiment.baseline:
                self._baseline.update(
                    ((run.outcome.check, result.stage), run.body)
                    for run in result.checks
                    if run.outcome.passed
                )
        volatile = list(self.experiment.service.volatile_fields)
        for result in results:
            if result.outcome.variant == self.experiment.baseline:
                continue
            for run in result.checks:
                baseline = self._baseline.get((run.outcome.check, result.stage))
                if baseline is None or not run.outcome.passed:
                    continue
                if found := differences(baseline, run.body, volatile):
                    outcome = CheckOutcome()
                    outcome.CopyFrom(run.outcome)
                    outcome.passed = False
                    outcome.expected = f"the same answer as {self.experiment.baseline}"
                    outcome.actual = (
                        f"{found[0].path}: {found[0].variant} instead of {found[0].baseline}"
                    )
                    outcome.differences.extend(found)
                    yield outcome
