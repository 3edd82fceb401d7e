"""One run: resolve the variants, run the blocks, say how it ended."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from headstart.agent.cancellation import Cancellation, apart
from headstart.agent.counters.read_all import measure_counters
from headstart.agent.linux.affinity import avoid_cpus
from headstart.agent.linux.exit_accounting import ExitAccounting
from headstart.agent.linux.proc_connector import ProcConnector
from headstart.agent.load.table import choose
from headstart.agent.memory_floor.search_all import measure_floors
from headstart.agent.plan.forecast import TimeLeft
from headstart.agent.plan.order import block_order, draw_seed, has_load
from headstart.agent.probe.prober import Prober
from headstart.agent.runtimes.obstacles import Obstacle
from headstart.agent.runtimes.runtime import Runtime, RuntimeTable
from headstart.agent.trial.batch_trial import run_batch_trial
from headstart.agent.trial.companion_use import companions_of
from headstart.agent.trial.conformance import Conformance
from headstart.agent.trial.needs import Host, obstacles, resolve, unresolved
from headstart.agent.trial.tools import Tools
from headstart.agent.trial.trial import Slot, TrialContext, run_trial
from headstart.agent.uplink.experiment_bounds import experiment_fault
from headstart.agent.uplink.held_runs import HeldRun
from headstart.agent.uplink.redaction import redacted, redacted_logs
from headstart.agent.uplink.wire import AnyRecord, envelope_of
from headstart.v1.experiment_pb2 import ContextArchive, Variant
from headstart.v1.records_pb2 import (
    Event,
    Failure,
    FailureCode,
    ResolvedVariant,
    RunOutcome,
    RunStarted,
    RunStatus,
    TrialOutcome,
)
from headstart.words.containers import containers_of, other_names
from headstart.words.foreign.secrets import masks_of, named_values
from headstart.words.log_fields import with_fields
from headstart.words.readiness import Kind, kind_of

log = logging.getLogger(__name__)

# A variant that did not start this many times in a row is not tried again.
GIVE_UP_AFTER = 2
_LONGEST_REASON = 64_000


def execute(held: HeldRun, tools: Tools) -> None:
    """Run an attempt to its terminal record; never raises for what the run met."""
    started = time.monotonic()
    outcome = held.outcome
    outcome.status = RunStatus.RUN_STATUS_DONE
    run = _Run(held, tools, outcome)
    with redacted_logs(run.masks):
        _execute(held, run)
    outcome.unix_ns = time.time_ns()
    outcome.monotonic_ns = time.monotonic_ns()
    outcome.duration_seconds = time.monotonic() - started
    held.ended_as = redacted(outcome, run.masks)
    run.emit(outcome, last=True)


def _execute(held: HeldRun, run: "_Run") -> None:
    """Fill the outcome, but for its times."""
    outcome = run.outcome
    try:
        if fault := experiment_fault(held.experiment):
            outcome.status = RunStatus.RUN_STATUS_FAILED
            outcome.reason = f"it cannot be run: {fault}"
        else:
            run.execute()
    except Exception as error:
        # In a cancelled run it is what the cancellation cut off.
        if not held.cancelled.is_set():
            log.exception("run %s attempt %d failed", held.run_id, held.attempt)
        outcome.status = RunStatus.RUN_STATUS_FAILED
        outcome.reason = f"the agent broke: {type(error).__name__}: {error}"
        outcome.agent_broke = not held.cancelled.is_set()
    if held.cancelled.is_set():
        outcome.status = held.cut_short()
        outcome.reason = held.cancel_reason or "cancelled"
        if held.left_behind:
            outcome.reason += (
                f"; the engine did not remove {', '.join(held.left_behind)} in time:"
                " this agent does it before its next run"
            )
    # The one record that must be taken: engines and files may have long words.
    outcome.reason = outcome.reason[:_LONGEST_REASON]


def _log_decisions(run_id: str, variants: Sequence[ResolvedVariant]) -> None:
    """What the policy allowed and refused of a run, for whoever answers for the host."""
    for variant in variants:
        if not variant.HasField("failure"):
            fields = with_fields(run=run_id, variant=variant.variant, digest=variant.digest)
            log.info("variant allowed", extra=fields)
        elif variant.failure.code == FailureCode.FAILURE_CODE_REFUSED_BY_POLICY:
            why = variant.failure.message
            fields = with_fields(run=run_id, variant=variant.variant, outcome=why)
            log.warning("variant refused", extra=fields)


def _is_result(unbuilt: Failure | None) -> bool:
    """Whether a build was tried, and failed of what it is."""
    return unbuilt is not None and unbuilt.code != FailureCode.FAILURE_CODE_CONTEXT


def _whole(refused: Failure) -> Obstacle:
    """That nothing may run at all."""
    return Obstacle((), refused.message, refused.code, forbids=True)


def _reason(found: Sequence[Obstacle], variants: Sequence[ResolvedVariant]) -> str:
    """Why nothing was measured, all of it."""
    if not found:
        return "no variant can be run: " + "; ".join(
            f"{v.variant}: {v.failure.message}" for v in variants
        )
    reasons = "; ".join(dict.fromkeys(each.message for each in found))
    if any(each.forbids for each in found):
        return reasons
    return f"{reasons}; nothing was measured (plan.keep_going: true measures what can be)"


class _Run:
    def __init__(self, held: HeldRun, tools: Tools, outcome: RunOutcome) -> None:
        self.held = held
        self.tools = tools
        self.outcome = outcome
        self.experiment = held.experiment
        self.plan = held.experiment.plan
        self.started = time.monotonic()
        self.conformance = Conformance(held.experiment)
        self.failed_starts: dict[str, int] = {}
        self.why_failed: dict[str, str] = {}
        self.masks = masks_of(named_values(self.experiment))
        self.time_left = TimeLeft(held.experiment)

    def emit(self, record: AnyRecord, last: bool = False) -> None:
        shown = redacted(record, self.masks)
        envelope = envelope_of(shown, self.held.run_id, self.held.attempt)
        has_room = self.held.record(lambda: self.tools.spool.append(envelope), last)
        if not has_room and not self.held.cancelled.is_set():
            log.error("run %s: no room for its records; it is given back", self.held.run_id)
            self.held.give_back(self.tools.spool.problem() or "no room for its records")

    def execute(self) -> None:
        runtimes = self.tools.runtimes(self.held.cancelled)
        try:
            seed = self.plan.seed or draw_seed()
            secrets = self.tools.secrets(self.held.experiment)
            secrets.hide(self.held.experiment, self.masks)
            self.experiment = secrets.put_into(self.held.experiment)
            host = Host(
                self.experiment,
                runtimes,
                self.tools.commands_allowed,
                self.tools.network_refusal,
                secrets,
                self.tools.context_refusal,
            )
            self._say("checking what the run needs")
            if self.tools.refused is None:
                found = [each for each in obstacles(host) if each.blocks]
            else:
                found = [_whole(self.tools.refused)]
            unbuilt: Mapping[str, Failure] = {}
            if not self._is_stopped_by(found):
                unbuilt = self._build(runtimes, seed)
                unpulled = self._pull(host)
                found += self._resolve_all(host, unbuilt, unpulled)
            if self.held.cancelled.is_set():
                return
            variants = [
                self._as_found(variant, host, found) for variant in self.experiment.variants
            ]
            others = [
                host.resolved.get(name) or ResolvedVariant(variant=name)
                for name in other_names(self.experiment)
            ]
            for resolved in (*variants, *others):
                # An image states variables too.
                for name, value in resolved.environment.items():
                    self.masks.add(name, value)
            _log_decisions(self.held.run_id, [*variants, *others])
            cpus = self.plan.server_cpus, self.plan.load_cpus
            self.emit(
                RunStarted(
                    host=apart(lambda: self.tools.host(*cpus), self.held.cancelled),
                    seed=seed,
                    blocks_planned=self.plan.blocks,
                    variants=variants,
                    others=others,
                    unix_ns=time.time_ns(),
                    monotonic_ns=time.monotonic_ns(),
                )
            )
            runnable = {v.variant: v for v in variants if not v.HasField("failure")}
            if self._is_stopped_by(found) or not runnable:
                self.outcome.status = RunStatus.RUN_STATUS_FAILED
                self.outcome.reason = _reason(found, variants)
                return
            self._image_facts(runtimes, runnable)
            self._measure(runtimes, runnable, others, seed)
        finally:
            with ExitStack() as ending:
                for runtime in runtimes.by_name.values():
                    ending.callback(self._close, runtime)

    def _close(self, runtime: Runtime) -> None:
        try:
            runtime.close()
        finally:
            self.held.left_behind += runtime.left_behind

    def _build(self, runtimes: RuntimeTable, seed: int) -> Mapping[str, Failure]:
        """Build what is to be built; variant -> why it has no image."""
        to_build = any(variant.HasField("build") for variant in self.experiment.variants)
        builder = runtimes.builder()
        if not to_build or builder is None:
            return {}
        failures = builder.build(
            self.experiment, seed, self.emit, self.held.cancelled, self._say, self._fetch
        )
        # The plan's time is that of its blocks.
        self.started = time.monotonic()
        return failures

    def _fetch(self, archive: ContextArchive, into: Path, cancelled: Cancellation) -> None:
        self.tools.fetch(self.held.key(), archive, into, cancelled)

    def _pull(self, host: Host) -> Mapping[str, Failure]:
        """Pull what is missing and may be; variant -> why its image is still missing."""
        puller = host.runtimes.puller()
        if not host.to_pull or puller is None or self.held.cancelled.is_set():
            return {}
        failures = puller.pull(
            host.to_pull, self.plan.remove_pulled, self.emit, self.held.cancelled, self._say
        )
        self.started = time.monotonic()
        return failures

    def _is_stopped_by(self, found: Sequence[Obstacle]) -> bool:
        """Whether nothing is measured; a plan may ask for what can be measured."""
        return any(each.forbids or not self.plan.keep_going for each in found)

    def _resolve_all(
        self, host: Host, unbuilt: Mapping[str, Failure], unpulled: Mapping[str, Failure]
    ) -> list[Obstacle]:
        """Resolve what was built or pulled, and anew what may have changed while it was.

        What could not be built is a result of its variant, and in nobody's way.
        """
        found: list[Obstacle] = []
        if host.to_pull or any(v.HasField("build") for v in self.experiment.variants):
            for placed in containers_of(self.experiment):
                variant = placed.container
                known = host.resolved.get(variant.name)
                if known is not None and known.HasField("failure"):
                    continue
                resolved = resolve(self.experiment, host.runtimes, variant, {**unbuilt, **unpulled})
                host.resolved[variant.name] = resolved
                if not _is_result(unbuilt.get(variant.name)):
                    found += unresolved(placed, resolved)
        return found

    def _as_found(self, variant: Variant, host: Host, found: Sequence[Obstacle]) -> ResolvedVariant:
        """What the run knows of a variant, with what is in its way.

        Where the plan goes on, a trial is asked: what was found need not keep it from starting.
        """
        resolved = host.resolved.get(variant.name) or ResolvedVariant(variant=variant.name)
        forbidding = [each for each in found if each.forbids]
        if forbidding:
            resolved.failure.CopyFrom(forbidding[0].failure())
        elif self._is_stopped_by(found) and not resolved.HasField("failure"):
            # Not of a variant that is only kept waiting by another one's.
            of_it = [each for each in found if each.variant == variant.name]
            for each in (of_it or [each for each in found if not each.variant])[:1]:
                resolved.failure.CopyFrom(each.failure())
        return resolved

    def _image_facts(self, runtimes: RuntimeTable, runnable: dict[str, ResolvedVariant]) -> None:
        for variant in self.experiment.variants:
            if variant.name in runnable:
                self._say(f"reading the image of {variant.name}")
                runtime = runtimes.for_variant(variant)
                try:
                    facts = runtime.image_facts(runnable[variant.name], self.held.cancelled.is_set)
                except Exception as error:
                    if self.held.cancelled.is_set():
                        return
                    # Whatever an odd image makes of the reader, it can be measured.
                    log.exception("the image of %s", variant.name)
                    self._note(f"the image of {variant.name} could not be described: {error!r}")
                    continue
                if facts is not None:
                    self.emit(facts)

    def _measure(
        self,
        runtimes: RuntimeTable,
        runnable: dict[str, ResolvedVariant],
        others: Sequence[ResolvedVariant],
        seed: int,
    ) -> None:
        """Everything that needs the prober; the agent itself stays off the server's CPUs."""
        with ExitStack() as ending:
            try:
                prober = Prober(self.plan.load_cpus, self.held.cancelled)
                ending.enter_context(closing(prober))
                ending.enter_context(avoid_cpus(self.plan.server_cpus))
            except ValueError as error:
                self.outcome.status = RunStatus.RUN_STATUS_FAILED
                self.outcome.reason = f"the plan's cpus do not suit this host: {error}"
                return
            connector = ProcConnector.open()
            if connector is not None:
                ending.enter_context(closing(connector))
            context = TrialContext(
                run_id=self.held.run_id,
                attempt=self.held.attempt,
                experiment=self.experiment,
                prober=prober,
                connector=connector,
                commands_allowed=self.tools.commands_allowed,
                driver=choose(self.experiment.load) if self.experiment.HasField("load") else None,
                emit=self.emit,
                cancelled=self.held.cancelled,
                doing=lambda _words: None,
                beside=companions_of(self.experiment, others),
                checker=runtimes.checker(),
                check_containers={each.variant: each for each in others},
            )
            if self._is_batch and (exits := ExitAccounting.open()) is not None:
                context.exits = ending.enter_context(closing(exits))
            self._blocks(context, runtimes, runnable, seed)
            self._after_blocks(context, runtimes, runnable)

    @property
    def _is_batch(self) -> bool:
        return kind_of(self.experiment) is Kind.BATCH

    def _after_blocks(
        self, context: TrialContext, runtimes: RuntimeTable, runnable: dict[str, ResolvedVariant]
    ) -> None:
        """What else the plan asks for, of every variant that still is tried."""
        variants = [
            (runnable[variant.name], runtimes.for_variant(variant))
            for variant in self.experiment.variants
            if variant.name in runnable
        ]
        first = self.outcome.trials + 1
        if self.plan.runtime_counters:
            for counters in measure_counters(context, variants, first, self._say):
                self.emit(counters)
        first += len(variants)
        if self.plan.memory_floor:
            for floor in measure_floors(context, variants, first, self._say):
                self.emit(floor)

    def _blocks(
        self,
        context: TrialContext,
        runtimes: RuntimeTable,
        runnable: dict[str, ResolvedVariant],
        seed: int,
    ) -> None:
        by_name = {variant.name: variant for variant in self.experiment.variants}
        trial = run_batch_trial if self._is_batch else run_trial
        maximum = self.plan.blocks or self.plan.maximum_blocks
        self.held.progress.trials_planned = self.plan.blocks * len(runnable)
        for block in range(1, maximum + 1):
            if not runnable or self._over(block):
                return
            for position, name in enumerate(block_order(list(runnable), seed, block), 1):
                if self.held.cancelled.is_set():
                    return
                slot = Slot(
                    trial=self.outcome.trials + 1,
                    block=block,
                    position=position,
                    variant=runnable[name],
                    load=has_load(self.experiment, block),
                )
                context.doing = self._progress(slot)
                self._forecast(block, position - 1, len(runnable))
                began = time.monotonic()
                result = trial(slot, runtimes.for_variant(by_name[name]), context)
                self.time_left.trial_took(slot.load, time.monotonic() - began)
                self._count(result.outcome.HasField("failure"))
                self.conformance.take(result)
                started = result.outcome.startup.first_correct_response_monotonic_ns > 0
                self.failed_starts[name] = 0 if started else self.failed_starts.get(name, 0) + 1
                self.why_failed[name] = _why_failed(result.outcome)
            for differing in self.conformance.block_done():
                self.emit(differing)
            self.outcome.blocks_completed = block
            self._give_up(runnable)

    def _over(self, block: int) -> bool:
        """Whether the plan ends before this block."""
        limit = self.plan.maximum_seconds
        if block > 1 and limit and time.monotonic() - self.started > limit:
            self._note(f"no block after {block - 1}: the plan's {limit:g} s are over")
            return True
        if self.plan.blocks == 0 and block > 1:
            another, reason = self.held.another_block(block - 1)
            if not another:
                self._note(f"no block after {block - 1}: {reason}")
            return not another
        return False

    def _give_up(self, runnable: dict[str, ResolvedVariant]) -> None:
        for name, failed in self.failed_starts.items():
            if failed >= GIVE_UP_AFTER and name in runnable:
                del runnable[name]
                self.held.progress.trials_planned = 0
                why = self.why_failed[name]
                self._note(f"{name} is not tried again: {why} {failed} times in a row")

    def _count(self, failed: bool) -> None:
        self.outcome.trials += 1
        self.outcome.trials_failed += failed
        self.held.progress.trials_done = self.outcome.trials

    def _forecast(self, block: int, done_in_block: int, variants: int) -> None:
        """Once a trial, so that nothing is computed beside a measured app."""
        share, left = self.time_left.share_and_left(block, done_in_block, variants)
        self.held.progress.share_done, self.held.progress.seconds_left = share, left

    def _progress(self, slot: Slot) -> Callable[[str], None]:
        progress = self.held.progress
        progress.attempt.CopyFrom(self.held.key())

        def doing(words: str) -> None:
            progress.doing = f"block {slot.block}, {slot.variant.variant}: {words}"

        return doing

    def _say(self, words: str) -> None:
        self.held.progress.attempt.CopyFrom(self.held.key())
        self.held.progress.doing = words

    def _note(self, text: str) -> None:
        self.emit(Event(monotonic_ns=time.monotonic_ns(), name="note", text=text))


def _why_failed(outcome: TrialOutcome) -> str:
    if outcome.failure.code == FailureCode.FAILURE_CODE_COMPANION:
        return "what stands beside it failed"
    return "it did not start"
