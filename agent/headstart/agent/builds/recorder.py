"""What is kept of a build while it runs, whichever builder tells of it."""

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from headstart.agent.builds.diagnostics import Diagnostics
from headstart.agent.builds.log import BuildLog
from headstart.agent.builds.parts import Parts
from headstart.agent.builds.projects import Projects
from headstart.v1.experiment_pb2 import DiagnosticRule
from headstart.v1.records_pb2 import BuildStep

# An instruction may hold a whole script.
_LONGEST_NAME = 300
# The name of what stands for all steps.
_ALL = "all steps (the output of one imitates the builder's, so that they can't be told apart)"
_TAIL_LINES = 100
_TAIL_BYTES = 16 << 10
# How BuildKit calls a step that it stopped because another one had failed.
_STOPPED = re.compile(r"context cancell?ed|\bcancell?ed\b", re.IGNORECASE)


def part(event: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """An object within an object of the engine's stream; empty where it has none."""
    found = event.get(key)
    return found if isinstance(found, Mapping) else {}


@dataclass
class _Step:
    name: str
    began: float
    parts: Parts
    ended: float | None = None
    cached: bool = False
    error: str = ""
    # The first error in its output, and the last line of any kind.
    told: str = ""
    last_line: str = ""


class Recorder:
    """Steps, log and diagnostics of one build; all times are seconds from its beginning."""

    def __init__(
        self, rules: Sequence[DiagnosticRule] = (), projects: Projects | None = None
    ) -> None:
        self.log = BuildLog()
        self.diagnostics = Diagnostics(rules, projects)
        # The image that the build made; empty: none yet.
        self.image = ""
        # What the engine said when it gave up, and the status of the command that failed.
        self.error = ""
        self.exit_status: int | None = None
        # Of the classic builder: what its text calls containers and images of its steps. A
        # step can write the same, so that only the engine knows whether they are (`leavings`).
        self.containers: list[str] = []
        self.images: list[str] = []
        self._steps: dict[str, _Step] = {}
        self._doubtful = False
        self._tail: list[str] = []

    def begin(self, key: str, name: str, at: float) -> None:
        """A step begins; a step that is known already goes on."""
        if key not in self._steps:
            self._steps[key] = _Step(name[:_LONGEST_NAME], at, Parts(at))

    def end(self, key: str, at: float, cached: bool = False, error: str = "") -> None:
        """A step ends, once."""
        step = self._steps.get(key)
        if step is not None and step.ended is None:
            step.ended, step.cached, step.error = at, cached, error

    def doubt(self) -> None:
        """A step wrote what only the builder does: where steps begin and end is not known."""
        self._doubtful = True

    def line(self, at: float, text: str, key: str = "", shown: str = "") -> None:
        """A line of a step's output, or (without a step) of the builder's own.

        `shown` is how the log writes it, if otherwise than it is.
        """
        self.log.add(at, shown or text)
        self._tail.append(shown or text)
        if len(self._tail) > 2 * _TAIL_LINES:
            del self._tail[:_TAIL_LINES]
        step = self._steps.get(key)
        if step is None:
            return
        step.parts.line(at, text)
        finding = self.diagnostics.line(text)
        if finding is not None and finding.severity == "error" and not step.told:
            step.told = f"{finding.code}: {finding.text}"
        if text.strip():
            step.last_line = text.strip()

    def processes(self, at: float, names: Set[str]) -> None:
        """The names of the processes that the running steps have now."""
        for step in self._steps.values():
            if step.ended is None:
                step.parts.processes(at, names)

    def running(self) -> str:
        """The name of the step that began last of those that run; may be empty."""
        running = [step.name for step in self._steps.values() if step.ended is None]
        return running[-1] if running else ""

    def steps(self, ended: float) -> list[BuildStep]:
        """In the order in which they began; what still ran, ran until then.

        One for all of them when they cannot be told apart, since times of the wrong step
        are worse than none.
        """
        if self._doubtful:
            began = min(step.began for step in self._steps.values())
            return [BuildStep(name=_ALL, start_seconds=began, duration_seconds=ended - began)]
        return [
            BuildStep(
                name=step.name,
                start_seconds=step.began,
                duration_seconds=(ended if step.ended is None else step.ended) - step.began,
                cached=step.cached,
                parts=[
                    BuildStep(
                        name=part.name,
                        start_seconds=part.began,
                        duration_seconds=max(0.0, part.ended - part.began),
                    )
                    for part in step.parts.until(ended if step.ended is None else step.ended)
                ],
            )
            for step in self._steps.values()
        ]

    def failure(self) -> str:
        """Which step failed and how, in a sentence's end: "step RUN make failed: no rule"."""
        failed = [step for step in self._steps.values() if step.error or step.ended is None]
        if not failed:
            return self.error or "the builder made no image and did not say why"
        # BuildKit ends what runs beside a step that failed, in the order in which they began.
        told = [each for each in failed if each.error and not _STOPPED.search(each.error)]
        step = min(told, key=lambda each: each.ended or each.began, default=failed[-1])
        status = f" with status {self.exit_status}" if self.exit_status is not None else ""
        ran = self.exit_status is not None
        why = (step.told or step.last_line if ran else "") or self.error or step.error
        return f"step {step.name} failed{status}: {why}"

    def tail(self) -> str:
        """The last lines of the log, without their times."""
        text = "\n".join(self._tail[-_TAIL_LINES:])
        return text.encode("utf-8", "replace")[-_TAIL_BYTES:].decode("utf-8", "replace")
