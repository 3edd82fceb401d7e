"""The runs of an assessment: several experiments that answer one question together.

"Should this app be compiled ahead of time?" takes more than one run: of the app as it stands, of
what it could become, of a route for each library, of the builds. No figure is computed here, and
none of one run is divided by one of another: they were not interleaved.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from headstart.collector.findings import RunResult
from headstart.collector.findings.comparability import Incomparable
from headstart.words.states import RunWord

# As an experiment file says it of a variant.
AHEAD_OF_TIME = "aot"


@dataclass(frozen=True)
class Subject:
    """Runs that are about one thing, such as "the app as it stands"."""

    title: str
    # The first is the one that is judged; the others say what it does not.
    runs: tuple[RunResult, ...]

    @property
    def judged(self) -> RunResult:
        """The run whose recommendation is the subject's."""
        return self.runs[0]


@dataclass(frozen=True)
class Assessment:
    """Done runs on one host, each of another experiment, in the order of the subjects."""

    subjects: tuple[Subject, ...]

    @property
    def runs(self) -> list[RunResult]:
        """All of them."""
        return [run for subject in self.subjects for run in subject.runs]

    @property
    def revision(self) -> str:
        """What was built; empty: no run says it."""
        return next((run.revision for run in self.runs if run.revision), "")


def assess(results: Sequence[RunResult], subjects: Mapping[str, Sequence[str]]) -> Assessment:
    """`subjects`: experiments by title, the judged one first; what is in none is its own subject.

    Raises Incomparable with all that keeps these runs from being one assessment, a line each.
    """
    mistakes = [*_unfit(results), *_unlike(results), *_unknown(results, subjects)]
    if mistakes:
        raise Incomparable("\n".join(mistakes))
    by_experiment = {run.experiment: run for run in results}
    named = {name for names in subjects.values() for name in names}
    titled = [(title, list(names)) for title, names in subjects.items()]
    titled += [(name, [name]) for name in by_experiment if name not in named]
    return Assessment(
        tuple(Subject(title, tuple(by_experiment[n] for n in names)) for title, names in titled)
    )


def _called(run: RunResult) -> str:
    return f"run {run.run_id} (experiment {run.experiment})"


def _unfit(results: Sequence[RunResult]) -> Iterator[str]:
    """Runs that say nothing here, each by itself."""
    if not results:
        yield "there is no run; expected those of an assessment"
    for run in results:
        if run.aa:
            yield f"{_called(run)} is an A/A run: it is about its host; name one of variants"
        elif run.state is not RunWord.DONE:
            reason = f": {run.reason}" if run.reason else ""
            yield f"{_called(run)} is {run.state}{reason}; expected a run that is done"
        elif not any(v.compilation == AHEAD_OF_TIME for v in run.variants):
            said = ", ".join(f"{v.variant} is {v.compilation}" for v in run.variants)
            yield (
                f"{_called(run)} is of another question: no variant says `compilation: "
                f"{AHEAD_OF_TIME}` ({said})"
            )


def _unlike(results: Sequence[RunResult]) -> Iterator[str]:
    """Runs that do not go together; each is held against the first."""
    seen: dict[str, RunResult] = {}
    for run in results:
        first = results[0]
        if (other := seen.get(run.experiment)) is not None:
            why = "is named twice" if other.run_id == run.run_id else f"and {other.run_id} are both"
            yield f"{_called(run)} {why}: expected one run of each experiment"
        seen.setdefault(run.experiment, run)
        if _host(run) != _host(first):
            yield (
                f"{_called(run)} is of host {_host(run)}, {_called(first)} of {_host(first)}: "
                "figures of an assessment stand side by side, so that all are of one host; "
                "`headstart pool` joins hosts"
            )
        if run.revision and first.revision and run.revision != first.revision:
            yield (
                f"{_called(run)} is of revision {run.revision}, {_called(first)} of "
                f"{first.revision}: expected runs of one revision"
            )


def _host(run: RunResult) -> str:
    return f"{run.host.name} ({run.host.fingerprint})"


def _unknown(results: Sequence[RunResult], subjects: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Subjects that name what is not there, or what is named already."""
    there = dict.fromkeys(run.experiment for run in results)
    taken: dict[str, str] = {}
    for title, names in subjects.items():
        for name in names:
            if name not in there:
                yield (
                    f"subject {title!r}: no run is of experiment {name!r}; "
                    f"there are {', '.join(there) or 'none'}"
                )
            elif name in taken:
                yield f"subject {title!r}: experiment {name!r} is of {taken[name]!r} already"
            taken.setdefault(name, title)
