"""What differs between a variant and the baseline besides its compilation.

A result may come from there; a report that does not say so would mislead. Differences
that belong to the compilation itself (an AOT cache's path) cannot be told from others
and are named too, unless they are on the short list of what never matters.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from headstart.collector.analysis.trials.trial_records import RunRecords, Trial
from headstart.collector.analysis.verdict.unlike_needs import unlike_needs
from headstart.v1.experiment_pb2 import Experiment
from headstart.v1.records_pb2 import ExecStamp, ResolvedVariant
from headstart.words.enums import word
from headstart.words.foreign.secrets import without_values

# Environment variables that change speed or memory by themselves, and what they set.
# .NET: learn.microsoft.com/dotnet/core/runtime-config; COMPlus_ is its older prefix.
_KNOWN = {
    r"(DOTNET|COMPlus)_gcServer": "garbage collector mode",
    r"(DOTNET|COMPlus)_(gcConcurrent|GC\w+)": "garbage collector settings",
    r"(DOTNET|COMPlus)_(TieredCompilation|TC_\w+|TieredPGO|OSR_\w+)": "tiered compilation",
    r"(DOTNET|COMPlus)_ReadyToRun\w*": "use of precompiled code",
    r"(DOTNET|COMPlus)_\w*GLOBALIZATION_INVARIANT": "globalisation data",
    r"(DOTNET|COMPlus)_PROCESSOR_COUNT": "number of cores seen",
    r"(_JAVA_OPTIONS|JAVA_TOOL_OPTIONS|JDK_JAVA_OPTIONS)": "options of the Java VM",
    r"(GOGC|GOMEMLIMIT|GOMAXPROCS)": "settings of the Go runtime",
    r"(MALLOC_\w+|GLIBC_TUNABLES|LD_PRELOAD)": "memory allocator or preloaded libraries",
    r"MONO_\w+": "settings of Mono",
}
# Set by base images; they say where things are or which version, not how to run.
_IRRELEVANT = re.compile(
    r"(PATH|HOSTNAME|HOME|PWD|TERM|SHLVL|_|LANG|LC_\w+|APP_UID|DOTNET_VERSION|ASPNET_VERSION"
    r"|DOTNET_RUNNING_IN_CONTAINER|JAVA_HOME|JAVA_VERSION|PYTHON_VERSION|GPG_KEY)"
)
# Options of a Java VM that choose collector, heap or compiler.
_JAVA_OPTION = re.compile(r"-X(m[nsx]\d|ss\d|int|comp|X:[+-]?(Use\w+GC|\w*Tiered\w*|MaxRAM\w*))")


_Take = Callable[[Trial], str]


def confounders(experiment: Experiment, run: RunRecords) -> list[str]:
    """One sentence for each difference."""
    resolved = {v.variant: v for v in run.started.variants} if run.started else {}
    baseline = resolved.get(experiment.baseline)
    found = []
    for name, variant in resolved.items():
        if baseline is not None and name != experiment.baseline:
            found += _differences(baseline, variant)
    found += _by_trials("a load driver", experiment.baseline, run.trials, _driver)
    found += _by_trials("a runtime", experiment.baseline, run.trials, _runtime)
    found += _by_trials("a stamp of exec", experiment.baseline, run.trials, _stamp)
    return found


def _differences(baseline: ResolvedVariant, variant: ResolvedVariant) -> list[str]:
    name, base = variant.variant, baseline.variant
    found = _environment(name, base, variant.environment, baseline.environment)
    theirs, ours = _java_options(baseline.argv), _java_options(variant.argv)
    if theirs != ours:
        found.append(
            f"{name} runs with {' '.join(sorted(ours)) or 'no options'} of the Java VM, "
            f"{base} with {' '.join(sorted(theirs)) or 'none'}."
        )
    if (variant.working_directory or "/") != (baseline.working_directory or "/"):
        found.append(
            f"{name} works in {variant.working_directory or '/'}, {base} in "
            f"{baseline.working_directory or '/'}: frameworks that watch their folder start "
            "slower in /."
        )
    if variant.user != baseline.user:
        found.append(
            f"{name} runs as {variant.user or 'root'}, {base} as {baseline.user or 'root'}."
        )
    return found + unlike_needs(name, variant.needs, base, baseline.needs)


def _environment(
    name: str, base: str, ours: Mapping[str, str], theirs: Mapping[str, str]
) -> list[str]:
    found, others = [], []
    for key in sorted(ours.keys() | theirs.keys()):
        if ours.get(key) == theirs.get(key) or _IRRELEVANT.fullmatch(key):
            continue
        meaning = next((text for p, text in _KNOWN.items() if re.fullmatch(p, key)), None)
        if meaning is None:
            others.append(key)
        else:
            found.append(
                f"{key} ({meaning}) is {_value(ours.get(key))} in {name} "
                f"and {_value(theirs.get(key))} in {base}."
            )
    if others:
        found.append(f"The environment of {name} also differs from {base} in {', '.join(others)}.")
    return found


def _value(value: str | None) -> str:
    return "not set" if value is None else f"“{without_values(value)[:80]}”"


def _java_options(argv: Sequence[str]) -> frozenset[str]:
    return frozenset(argument for argument in argv if _JAVA_OPTION.match(argument))


def _driver(trial: Trial) -> str:
    load = trial.outcome.load
    return f"{load.driver} {load.driver_version}".strip()


def _runtime(trial: Trial) -> str:
    return trial.started.runtime


def _stamp(trial: Trial) -> str:
    return word(ExecStamp, trial.outcome.startup.exec_stamp)


def _by_trials(what: str, baseline: str, trials: Iterable[Trial], take: _Take) -> list[str]:
    """Whether variants were measured by unlike means."""
    seen: dict[str, set[str]] = {}
    for trial in trials:
        if value := take(trial):
            seen.setdefault(trial.variant, set()).add(value)
    theirs = seen.get(baseline, set())
    return [
        f"{variant} was measured with {what} ({_list(ours)}) other than {baseline}'s "
        f"({_list(theirs)})."
        for variant, ours in seen.items()
        if theirs and ours != theirs
    ]


def _list(values: set[str]) -> str:
    return ", ".join(sorted(value.replace("_", " ") for value in values))
