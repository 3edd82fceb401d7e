"""Sentences about what is missing or limited in a run, and how it was made."""

from collections.abc import Iterable, Iterator, Sequence

from headstart.collector.analysis.companions import companion_remarks
from headstart.collector.analysis.images import denied_remarks, image_remarks
from headstart.collector.analysis.pulls import pull_remarks
from headstart.collector.analysis.statistics.intervals import MINIMUM_BLOCKS
from headstart.collector.analysis.trials.trial_records import RunRecords, Trial
from headstart.collector.findings import Basis, Comparison, Fact, Figure, Verdict
from headstart.collector.findings.comparability import NETWORK_OF_THE_HOST
from headstart.collector.findings.run_info import RunInfo
from headstart.v1.experiment_pb2 import Experiment, Network, PageCache
from headstart.v1.experiments_pb2 import RunState
from headstart.v1.records_pb2 import ExecStamp, LatencyBasis
from headstart.words import metrics
from headstart.words.enums import word
from headstart.words.flags import FlagCode
from headstart.words.foreign.secrets import without_values
from headstart.words.metrics import METRICS
from headstart.words.readiness import Kind, kind_of

# Of a median beyond which the steps of a clock colour a comparison.
_COARSE = 0.05


def remarks(
    info: RunInfo,
    run: RunRecords,
    figures: Sequence[Figure],
    comparisons: Sequence[Comparison],
    dropped: int,
) -> Iterator[str]:
    """Whatever a reader must know before believing the figures; the gravest first."""
    yield from _state(info, run)
    yield from pull_remarks(run.pulls)
    yield from companion_remarks(info.experiment)
    yield from image_remarks(info.experiment, run.images)
    yield from denied_remarks(info.experiment, run.trials)
    yield from _flagged(figures, comparisons)
    yield from _losses(run, dropped)
    yield from _clocks(run, figures)
    if info.experiment.HasField("load"):
        yield from _load_blocks(run.trials)
        yield from _load_notes(run.trials)
    yield from run.notes


def _state(info: RunInfo, run: RunRecords) -> Iterator[str]:
    if info.state in (RunState.RUN_STATE_QUEUED, RunState.RUN_STATE_LEASED):
        yield "The run has not ended: these are its figures so far."
    elif info.state == RunState.RUN_STATE_INCOMPLETE:
        yield (
            f"The run is incomplete: {info.reason}. Nothing is judged by it, and it is no part of "
            "the history; run the experiment again."
        )
    elif info.state != RunState.RUN_STATE_DONE:
        state = word(RunState, info.state)
        why = f" ({info.reason})" if info.reason else ""
        yield f"The run was {state}{why}: the figures are those of the trials that ended before."
    if not run.trials:
        yield "No trial has ended: there is nothing to compare."


def _flagged(figures: Sequence[Figure], comparisons: Sequence[Comparison]) -> Iterator[str]:
    """Loud, because these figures break the rule that invalid trials are left out."""
    flagged = [figure for figure in figures if figure.basis is Basis.FLAGGED]
    if flagged:
        variants = list(dict.fromkeys(figure.variant for figure in flagged))
        yield (
            f"Fewer than {MINIMUM_BLOCKS} trials of {_enumerated(variants)} were valid for "
            f"{_titles({figure.metric for figure in flagged})}: these figures come from flagged "
            "trials. The host was too restless, or the load generator too slow; measure again "
            "before deciding."
        )
    yield from _bounded(figures, comparisons)
    unpaired = {c.metric for c in comparisons if c.basis is Basis.FLAGGED}
    unpaired -= {figure.metric for figure in flagged}
    if unpaired:
        yield (
            f"Fewer than {MINIMUM_BLOCKS} blocks were valid on both sides for "
            f"{_titles(unpaired)}: these verdicts rest on flagged trials too."
        )


def _bounded(figures: Sequence[Figure], comparisons: Sequence[Comparison]) -> Iterator[str]:
    """Why it may decide although trials were disturbed, and how far off these may be."""
    bounded = [figure for figure in figures if figure.basis is Basis.BOUNDED]
    told = {figure.metric for figure in bounded}
    told |= {c.metric for c in comparisons if c.basis is Basis.BOUNDED}
    for name in [metric for metric in METRICS if metric in told]:
        own = [figure for figure in bounded if figure.metric == name]
        counts = ", ".join(f"{f.disturbed} of {len(f.values)} of {f.variant}" for f in own)
        width = max((1 - e.low / e.high for f in own for e in f.bounds if e.high > 0), default=0.0)
        decided = [
            c
            for c in comparisons
            if (c.metric, c.basis) == (name, Basis.BOUNDED)
            and c.verdict is not Verdict.INCONCLUSIVE
        ]
        holds = "; what is decided holds at both ends of all bounds" if decided else ""
        yield (
            f"{METRICS[name].title}: {counts} trials were disturbed, and may be off by up to"
            f" {width * 100:.0f} %. They count by the bounds that their records give, so that"
            f" intervals are the worst case{holds}."
        )


def _titles(metrics: set[str]) -> str:
    return _enumerated([METRICS[metric].title for metric in METRICS if metric in metrics])


def _losses(run: RunRecords, dropped: int) -> Iterator[str]:
    if run.unfinished:
        yield f"{_trials(len(run.unfinished))} began and did not end; left out."
    if run.gaps:
        batches = sum(gap.batches for gap in run.gaps)
        yield (
            f"{batches} batches of samples were given up because the agent's spool was full: "
            "curves over time have holes, figures of phases do not depend on them."
        )
    if dropped:
        yield (
            f"{dropped} values were negative or not numbers and were dropped: stamps or "
            "counters contradict each other."
        )
    missed = sum(trial.outcome.missed_slots for trial in run.trials)
    taken = sum(trial.outcome.samples for trial in run.trials)
    if missed > 0.05 * (taken + missed):
        yield f"{missed / (taken + missed):.0%} of the memory samples were missed."


def _clocks(run: RunRecords, figures: Sequence[Figure]) -> Iterator[str]:
    degraded = {
        trial.variant
        for trial in run.trials
        if trial.outcome.startup.exec_stamp == ExecStamp.EXEC_STAMP_DEGRADED
    }
    if degraded:
        yield (
            f"Startup of {_enumerated(sorted(degraded))} includes the engine's own time: neither "
            "a gate nor the kernel stamped its exec."
        )
    steps: dict[str, float] = {}
    for trial in run.trials:
        step = trial.outcome.startup.cpu_resolution_seconds
        steps[trial.variant] = max(step, steps.get(trial.variant, 0.0))
    for figure in figures:
        step = steps.get(figure.variant, 0.0)
        if figure.metric != metrics.STARTUP_CPU.name or figure.center is None:
            continue
        if step > _COARSE * figure.center:
            yield (
                f"CPU time of startup of {figure.variant} was read in steps of "
                f"{step * 1e3:g} ms, which is coarse for its {figure.center * 1e3:.3g} ms."
            )


def _load_notes(trials: Sequence[Trial]) -> Iterator[str]:
    """What colours the figures of a load without making it invalid: said once, with its trials."""
    for code in (FlagCode.LOAD_SHARES_CPUS, FlagCode.GENERATOR_PAUSED):
        said = [flag.text for t in trials for flag in t.outcome.flags if flag.code == code]
        if said:
            many = f" (so in {len(said)} trials)" if len(said) > 1 else ""
            yield f"{said[0][:1].upper()}{said[0][1:]}{many}."


def _load_blocks(trials: Iterable[Trial]) -> Iterator[str]:
    blocks = {trial.outcome.block for trial in trials if trial.loads}
    if not blocks:
        yield "No trial was put under load."
    elif len(blocks) < MINIMUM_BLOCKS:
        yield (
            f"Load was applied in {len(blocks)} of the blocks; {MINIMUM_BLOCKS} are needed "
            "for an interval, so nothing is decided about load."
        )


def load_description(experiment: Experiment, trials: Iterable[Trial]) -> str:
    """Such as "GET /players, 16 connections, closed loop, 60 s, by h2load 1.52"; may be empty.

    Of a batch program its jobs, such as "short job × 3 a trial".
    """
    if experiment.jobs:
        return ", ".join(f"{job.name} job × {job.repeat} a trial" for job in experiment.jobs)
    if not experiment.HasField("load"):
        return ""
    load = experiment.load
    requests = " and ".join(
        f"{weighted.check.request.method} {without_values(weighted.check.request.target)}"
        for weighted in load.requests
    )
    rate = f"{load.rate_per_second:g} requests/s" if load.rate_per_second else "closed loop"
    if load.rate_to_per_second:
        steps = f" in {load.rate_steps} steps" if load.rate_steps else ""
        rate = f"{load.rate_per_second:g} to {load.rate_to_per_second:g} requests/s{steps}"
    summary = next((t.outcome.load for t in trials if t.outcome.load.driver), None)
    by = f"by {summary.driver} {summary.driver_version}".rstrip() if summary else ""
    basis = (
        "latency from the intended send"
        if summary and summary.latency_basis == LatencyBasis.LATENCY_BASIS_INTENDED_SEND
        else "latency from the actual send"
    )
    parts = [
        requests,
        f"{load.connections} connections",
        rate,
        f"{load.duration_seconds:g} s",
        summary.protocol if summary else "",
        by,
        basis,
    ]
    return ", ".join(part for part in parts if part)


def plan_description(experiment: Experiment, trials: Sequence[Trial]) -> Iterator[str]:
    """How trials were made, one fact a sentence."""
    plan = experiment.plan
    if plan.blocks:
        yield f"{plan.blocks} blocks planned"
    else:
        yield f"blocks until decided, at most {plan.maximum_blocks}"
    if experiment.HasField("load") and plan.load_every:
        yield (
            "load in every block"
            if plan.load_every == 1
            else (f"load in one of {plan.load_every} blocks, idle memory in the others")
        )
    yield f"server on CPU {plan.server_cpus}" if plan.server_cpus else "server not pinned"
    yield f"load on CPU {plan.load_cpus}" if plan.load_cpus else "load not pinned"
    if plan.memory_limit_bytes:
        yield f"memory limit {plan.memory_limit_bytes / 2**20:.0f} MiB"
    if plan.cpu_limit:
        yield f"CPU limit {plan.cpu_limit:g} cores"
    cold = plan.page_cache == PageCache.PAGE_CACHE_COLD
    yield "page cache cold" if cold else "page cache warm"
    if experiment.service.tls:
        checked = experiment.service.tls_verified
        yield f"TLS, {'certificate verified' if checked else 'any certificate accepted'}"
    yield from _networks(experiment, trials)


# The history of figures goes by these words (`alike.setup_of`).
_NETWORK_WORDS = {
    Network.NETWORK_HOST: NETWORK_OF_THE_HOST,
    Network.NETWORK_HOLDER: "network of a holder container",
    Network.NETWORK_OWN: "network of its own",
}


def _networks(experiment: Experiment, trials: Sequence[Trial]) -> Iterator[str]:
    """Those that the containers of a service had; a batch program is not reached through any."""
    containers = {v.name for v in experiment.variants if not v.HasField("command")}
    if not containers or kind_of(experiment) is Kind.BATCH:
        return
    asked = experiment.plan.network or Network.NETWORK_OWN
    of_containers = [trial for trial in trials if trial.variant in containers]
    used = {trial.outcome.network for trial in of_containers if trial.outcome.network}
    if (
        not used
        and asked == Network.NETWORK_OWN
        and any(t.first_response_ns for t in of_containers)
    ):
        # An agent that does not say it was sent the bridge instead.
        asked = Network.NETWORK_HOLDER
    yield from (_NETWORK_WORDS[each] for each in sorted(used or {asked}) if each in _NETWORK_WORDS)


def method(run: RunRecords) -> Iterator[Fact]:
    """What stamped exec, and how restless the host was."""
    stamps = {
        word(ExecStamp, trial.outcome.startup.exec_stamp)
        for trial in run.trials
        if trial.outcome.startup.exec_stamp
    }
    if stamps:
        words = sorted(stamp.replace("_", " ") for stamp in stamps)
        yield Fact("exec stamped by", ", ".join(words))
    runtimes = {trial.started.runtime for trial in run.trials if trial.started.runtime}
    if runtimes:
        yield Fact("runtime", ", ".join(sorted(runtimes)))
    waits = [t.outcome.startup.quiet_wait_seconds for t in run.trials if t.first_response_ns]
    if waits and max(waits) > 0:
        yield Fact("longest wait for a quiet host", f"{max(waits):.1f} s")


def _enumerated(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _trials(count: int) -> str:
    return "1 trial" if count == 1 else f"{count} trials"
