"""The analysis of one run: records in, everything that a report says out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from headstart.collector.analysis.builds import build_readings, variant_builds
from headstart.collector.analysis.companions import companions
from headstart.collector.analysis.diagnostics import package_checks, variant_diagnostics
from headstart.collector.analysis.images import image_readings, image_results
from headstart.collector.analysis.pulls import pull_readings
from headstart.collector.analysis.trials.columns import MalformedBatch, Readings, thinned
from headstart.collector.analysis.trials.figures import Reading, figure_of, readings_of
from headstart.collector.analysis.trials.load import TrialLoad
from headstart.collector.analysis.trials.loads import loads_of
from headstart.collector.analysis.trials.memory_phases import phase_splits
from headstart.collector.analysis.trials.ramp import ramps_of, rate_readings
from headstart.collector.analysis.trials.runtime_counters import runtime_counters
from headstart.collector.analysis.trials.start_chain import median_starts
from headstart.collector.analysis.trials.trial_records import RunRecords, Trial, gather
from headstart.collector.analysis.trials.validity import Validity, validity_of
from headstart.collector.analysis.verdict import memory_floor
from headstart.collector.analysis.verdict.break_even_of_run import break_evens
from headstart.collector.analysis.verdict.cases_of_variants import variant_cases
from headstart.collector.analysis.verdict.check_containers import check_containers
from headstart.collector.analysis.verdict.comparison import compare, unavailable
from headstart.collector.analysis.verdict.confounders import confounders
from headstart.collector.analysis.verdict.decidable import asks_for_steady
from headstart.collector.analysis.verdict.decide import confidence_of
from headstart.collector.analysis.verdict.gates import limits_of, subjects_of
from headstart.collector.analysis.verdict.host_fitness import with_fitness
from headstart.collector.analysis.verdict.job_break_evens_of_run import job_break_evens
from headstart.collector.analysis.verdict.outcomes import invalid_trials, variant_outcomes
from headstart.collector.analysis.verdict.recommendation import with_recommendations
from headstart.collector.analysis.verdict.remarks import (
    load_description,
    method,
    plan_description,
    remarks,
)
from headstart.collector.analysis.warmup.courses import (
    MAY_HAVE_JIT,
    Together,
    is_steady,
    variant_warmup,
)
from headstart.collector.findings import (
    AdviceGrade,
    Comparison,
    Fact,
    Figure,
    HostAdvice,
    RunHost,
    RunLoad,
    RunMemory,
    RunResult,
    Series,
    VariantOutcome,
    VariantWarmup,
)
from headstart.collector.findings.packed_samples import PackedSamples
from headstart.collector.findings.run_info import RunInfo
from headstart.v1.experiment_pb2 import Experiment
from headstart.v1.experiments_pb2 import RunState
from headstart.v1.host_pb2 import AdviceLevel, HostFacts
from headstart.v1.records_pb2 import Quantity, Record
from headstart.words import metrics
from headstart.words.enums import word
from headstart.words.metric import Stage
from headstart.words.metrics import LOAD_METRICS, METRICS, STEADY_METRICS
from headstart.words.outcomes import RAN, Outcome
from headstart.words.states import RunWord

# Of each trial's memory over time; a curve in a plot shows no more.
_SERIES_POINTS = 160

_HOST_CHANGED = (
    "When the run began, its agent described another machine than when it attended (another "
    "fingerprint): the host is the one that attended, and the history leaves these figures out."
)

_ByMetric = dict[tuple[str, str], list[Reading]]


def analyse_run(info: RunInfo, records: Iterable[Record | PackedSamples]) -> RunResult:
    """Figures, verdicts and evidence of a run, also of one that goes on or went wrong.

    What the measured programs did is never an exception: a metric that cannot be
    compared is unavailable and says why. The same records give the same result.
    """
    run = gather(records)
    experiment = info.experiment
    trials = run.trials_of_apps
    loads, together = loads_of(trials)
    outcomes = variant_outcomes(experiment, run)
    warmups = _variant_warmups(experiment, loads, together)
    found, dropped = readings_of(trials, loads, experiment.HasField("load"))
    ramps = ramps_of(experiment, trials)
    found |= rate_readings(ramps, trials)
    found |= image_readings(run.images)
    found |= pull_readings(run.pulls)
    found |= build_readings(run.builds)
    searched = [run.floors[v.name] for v in experiment.variants if v.name in run.floors]
    floors = {floor.variant: floor for floor in memory_floor.floors_of(searched)}
    memory_floor.add_floors(found, floors.values())
    for metric in STEADY_METRICS:
        for name, warmup in warmups.items():
            if not is_steady(warmup):
                found.pop((metric, name), None)
    figures = memory_floor.with_brackets(_figures(info, found), floors)
    compared = _Compared(info, found, {o.variant: o for o in outcomes}, warmups)
    comparisons = tuple(
        memory_floor.bracketed(each, floors) if each.metric == metrics.MEMORY_FLOOR.name else each
        for each in compared.all()
    )
    host, host_changed = _host(info, run)
    result = RunResult(
        run_id=info.run_id,
        attempt=info.attempt,
        experiment=experiment.name,
        baseline=experiment.baseline,
        host=_run_host(info.host.host, host, host_changed),
        revision=experiment.revision,
        state=RunWord(word(RunState, info.state)),
        reason=info.reason or (run.outcome.reason if run.outcome else ""),
        started_unix_seconds=info.started_time_seconds,
        ended_unix_seconds=info.ended_time_seconds,
        seed=run.started.seed if run.started else experiment.plan.seed,
        blocks_completed=_blocks_completed(run),
        system_broke=_system_broke(info, run),
        variants=outcomes,
        figures=figures,
        comparisons=comparisons,
        invalid_trials=invalid_trials(run.trials),
        confounders=tuple(confounders(experiment, run)),
        remarks=(
            *([_HOST_CHANGED] if host_changed else ()),
            *remarks(info, run, figures, comparisons, dropped),
            *memory_floor.remarks_on(
                floor
                for floor in floors.values()
                if any(
                    (o.variant, o.outcome) == (floor.variant, Outcome.MEASURED) for o in outcomes
                )
            ),
        ),
        source_text=experiment.source_text,
        plan_description=tuple(plan_description(experiment, run.trials)),
        method=(*method(run), *check_containers(experiment, run)),
        images=image_results(experiment, run.images),
        builds=variant_builds(experiment, run.builds),
        diagnostics=variant_diagnostics(experiment, run),
        package_checks=package_checks(experiment, run),
        subjects=subjects_of(experiment),
        runtime_counters=tuple(
            runtime_counters([v.name for v in experiment.variants], run.counters)
        ),
        load=RunLoad(
            description=load_description(experiment, trials),
            series=tuple(load.series for load in loads.values()),
            warmups=tuple(load.warmup for load in loads.values()),
            variant_warmups=tuple(warmups.values()),
            ramps=ramps,
            break_evens=break_evens(info, loads, _not_wrong(trials), warmups),
        ),
        memory=RunMemory(
            rss_series=tuple(filter(None, map(_rss_series, trials))),
            floors=tuple(floors.values()),
            phases=tuple(phase_splits([v.name for v in experiment.variants], trials)),
        ),
        job_break_evens=job_break_evens(info, found),
        starts=median_starts(
            [v.name for v in experiment.variants],
            [trial.outcome for trial in trials],
            experiment.service,
        ),
        cases=variant_cases(experiment, run.trials),
        aa=experiment.aa,
        companions=tuple(companions(experiment, run)),
    )
    if result.state == RunWord.INCOMPLETE:
        result = _unjudged(result)
    # There is nothing to recommend of the same thing twice.
    if experiment.aa:
        return with_fitness(result)
    return with_recommendations(result, *limits_of(experiment))


def _system_broke(info: RunInfo, run: RunRecords) -> bool:
    """A run that failed without its agent's word was ended by the collector."""
    failed = info.state == RunState.RUN_STATE_FAILED
    return failed and (run.outcome is None or run.outcome.agent_broke)


def _host(info: RunInfo, run: RunRecords) -> tuple[HostFacts, bool]:
    """The facts that stand in the result, and whether those of the run's start do not.

    An agent's record is not believed about whose figures these are.
    """
    started = run.started.host if run.started else HostFacts()
    if not started.fingerprint or started.fingerprint == info.host.fingerprint:
        return (started if started.fingerprint else info.host), False
    return info.host, True


def _run_host(name: str, facts: HostFacts, changed: bool) -> RunHost:
    return RunHost(
        name=name,
        fingerprint=facts.fingerprint,
        cpu_model=facts.cpu.model,
        facts=_host_facts(facts),
        advice=tuple(
            HostAdvice(_grade(a.level), a.code, f"{a.finding} {a.remedy}".strip())
            for a in facts.advice
        ),
        changed=changed,
    )


def _unjudged(result: RunResult) -> RunResult:
    """The result without any verdict: what is missing may be what would change it."""
    why = "the run is incomplete"
    return replace(
        result,
        comparisons=tuple(
            unavailable(METRICS[c.metric], c.variant, c.baseline, c.margin, why)
            for c in result.comparisons
        ),
        job_break_evens=(),
        load=replace(result.load, break_evens=()),
    )


def _not_wrong(trials: Iterable[Trial]) -> set[int]:
    """Trials whose answers under load were right: others did other work."""
    return {t.number for t in trials if validity_of(t, Stage.LOAD) is not Validity.WRONG}


def _variant_warmups(
    experiment: Experiment, loads: Mapping[int, TrialLoad], together: Mapping[str, Together]
) -> dict[str, VariantWarmup]:
    found = {}
    for variant in experiment.variants:
        courses = [load.warmup for load in loads.values() if load.warmup.variant == variant.name]
        if courses:
            found[variant.name] = variant_warmup(
                variant.name,
                courses,
                together[variant.name].shape,
                may_have_jit=variant.compilation in MAY_HAVE_JIT,
            )
    return found


def _figures(info: RunInfo, found: _ByMetric) -> tuple[Figure, ...]:
    confidence = confidence_of(info.experiment.plan)
    return tuple(
        figure_of(metric, variant.name, found[metric.name, variant.name], confidence)
        for metric in METRICS.values()
        for variant in info.experiment.variants
        if (metric.name, variant.name) in found
    )


@dataclass(frozen=True)
class _Compared:
    """The comparisons of a run: every metric that any variant has, for every variant."""

    info: RunInfo
    found: _ByMetric
    outcomes: Mapping[str, VariantOutcome]
    warmups: Mapping[str, VariantWarmup]

    def all(self) -> tuple[Comparison, ...]:
        baseline = self.info.experiment.baseline
        names = [v.name for v in self.info.experiment.variants if v.name != baseline]
        present = {metric for metric, _ in self.found}
        if self.warmups and asks_for_steady(self.info.experiment):
            # Where nothing settled there is no figure, and a verdict must say so.
            present.add(metrics.THROUGHPUT_STEADY.name)
        return tuple(
            self._one(metric, name)
            for metric in METRICS
            if metric in present and METRICS[metric].compared
            for name in names
        )

    def _one(self, metric_name: str, variant: str) -> Comparison:
        experiment = self.info.experiment
        metric, baseline = METRICS[metric_name], experiment.baseline
        margin = experiment.margins.get(metric_name, metric.margin)
        missing = "; ".join(
            f"{name} {reason}"
            for name in (baseline, variant)
            if (reason := self._missing(metric_name, name))
        )
        if missing:
            return unavailable(metric, variant, baseline, margin, missing)
        return compare(
            metric,
            variant,
            baseline,
            self.found[metric_name, variant],
            self.found[metric_name, baseline],
            margin=margin,
            confidence=confidence_of(experiment.plan),
        )

    def _missing(self, metric: str, variant: str) -> str:
        """Why a variant has no usable value, as a predicate; empty when it has one."""
        readings = self.found.get((metric, variant), [])
        if any(reading.validity is not Validity.WRONG for reading in readings):
            return ""
        outcome = self.outcomes.get(variant)
        if outcome is None:
            return "is not in the experiment"
        if readings:
            checks = outcome.failing_checks
            return "answers wrongly" + (f" ({checks[0]})" if checks else " under load")
        if outcome.outcome not in RAN:
            return f"{outcome.outcome}"
        warmup = self.warmups.get(variant)
        if metric in STEADY_METRICS and warmup is not None and warmup.reason:
            return warmup.reason
        if metric in LOAD_METRICS and outcome.failure_message:
            return f"could not be put under load: {outcome.failure_message}"
        return "was not measured"


def _blocks_completed(run: RunRecords) -> int:
    if run.outcome is not None:
        return run.outcome.blocks_completed
    return max((trial.outcome.block for trial in run.trials), default=0)


def _rss_series(trial: Trial) -> Series | None:
    if not trial.exec_ns:
        return None
    try:
        found = trial.samples.readings(Quantity.QUANTITY_RSS_BYTES, trial.exec_ns)
    except MalformedBatch:
        return None
    running = (found.seconds > 0) & (found.values > 0)
    if not running.any():
        return None
    shown = thinned(Readings(found.seconds[running], found.values[running]), _SERIES_POINTS)
    return Series(
        trial.variant,
        trial.number,
        tuple(map(float, shown.seconds)),
        tuple(map(float, shown.values)),
    )


def _host_facts(host: HostFacts) -> tuple[Fact, ...]:
    cpu = host.cpu
    facts = [
        ("CPU", cpu.model),
        ("cores", f"{cpu.cores} cores, {cpu.threads} threads" if cpu.threads else ""),
        ("governor", cpu.governor),
        ("turbo", cpu.turbo),
        ("SMT", cpu.smt),
        ("virtualisation", cpu.virtualisation),
        ("memory", f"{host.memory_bytes / 1e9:.1f} GB" if host.memory_bytes else ""),
        ("operating system", host.operating_system),
        ("kernel", host.kernel),
        ("cgroup", f"version {host.cgroup_version}" if host.cgroup_version else ""),
        (
            "engine",
            f"{host.engine.name} {host.engine.version}, {host.engine.storage_driver}"
            if host.HasField("engine")
            else "none",
        ),
        ("agent", host.agent_version),
        ("fingerprint", host.fingerprint),
    ]
    facts += [(fact.name, fact.value) for fact in host.other]
    return tuple(Fact(name, value) for name, value in facts if value)


def _grade(level: AdviceLevel.ValueType) -> AdviceGrade:
    return AdviceGrade(word(AdviceLevel, level) or "unknown")
