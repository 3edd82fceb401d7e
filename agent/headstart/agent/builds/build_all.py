"""All builds of an experiment, before its first trial: which, in what order, what stays."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from headstart.agent.builds.build_engine import TAG_PREFIX, BuildEngine
from headstart.agent.builds.builder import Request, run_build
from headstart.agent.builds.context_sources import Context, ContextSources
from headstart.agent.builds.ledger import Ledger
from headstart.agent.cancellation import Cancellation, Cancelled, apart
from headstart.agent.instances import RuntimeFault, state_id
from headstart.agent.plan.order import block_order
from headstart.agent.policy.policy import Policy
from headstart.agent.uplink.context_fetch import Fetch, no_fetch
from headstart.v1.experiment_pb2 import Experiment, Variant
from headstart.v1.records_pb2 import BuildOutcome, Failure, FailureCode


@dataclass
class Built:
    """Variant -> the image of its last build that succeeded, or why there is none."""

    images: dict[str, str] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)


def build_variants(
    experiment: Experiment,
    seed: int,
    state: Path,
    policy: Policy,
    emit: Callable[[BuildOutcome], None],
    cancelled: Cancellation,
    doing: Callable[[str], None],
    fetch: Fetch = no_fetch,
) -> Built:
    """Build every variant that is to be built, as often as it says; a failure is a result.

    `fetch` brings the contexts that were submitted, all before the first build.

    Repetitions are interleaved, so that a host that gets slower slows all variants.
    Of the images one a variant stays, under a tag that its next build takes over.
    """
    variants = {v.name: v for v in experiment.variants if v.HasField("build")}
    built = Built()
    if not policy.builds:
        built.failures = {name: _refused(name) for name in variants}
        return built
    ledger = Ledger.of(state)
    try:
        engine = BuildEngine(cancelled)
    except RuntimeFault as fault:
        built.failures = {name: _failed(name, fault) for name in variants}
        return built
    sources = ContextSources(state, policy, fetch, cancelled, doing)
    try:
        contexts: dict[str, Context] = {}
        for name, variant in variants.items():
            try:
                contexts[name] = sources.of(variant.build)
            except RuntimeFault as fault:
                built.failures[name] = _failed(name, fault)
        if built.failures and not experiment.plan.keep_going:
            # Nothing is measured then, and builds may take hours.
            for name in contexts:
                built.failures[name] = _left_out(name)
            return built
        tags = {name: _tag(experiment.name, name, state) for name in variants}
        try:
            replaced = [engine.image_id(tag) for tag in tags.values()]
        except RuntimeFault as fault:
            built.failures = {name: _failed(name, fault) for name in variants}
            return built
        for name, clean, repetition in _order(variants, seed):
            if cancelled.is_set():
                break
            if name in built.failures:
                continue
            request = Request(
                variant=name,
                build=variants[name].build,
                context=contexts[name],
                clean=clean,
                repetition=repetition,
                tag=tags[name],
                rules=experiment.diagnostic_rules,
                memory_bytes=policy.memory_limit_bytes,
            )
            outcome = run_build(request, engine, ledger, cancelled, _saying(doing, request))
            emit(outcome)
            if outcome.digest:
                built.images[name] = outcome.digest
            elif name not in built.images:
                built.failures[name] = outcome.failure
        ledger.keep(_tidy(engine, [*replaced, *ledger.images], set(built.images.values())))
    finally:
        sources.remove()
        engine.close()
    # What the builds wrote is not to be written back while the first trial is measured.
    with suppress(Cancelled):
        apart(os.sync, cancelled)
    return built


def remove_leftovers(state: Path) -> list[str]:
    """Remove the images of builds amid which an earlier agent was killed; their ids."""
    ledger = Ledger.of(state)
    if not ledger.images:
        return []
    engine = BuildEngine()
    try:
        left = _tidy(engine, ledger.images, set())
    finally:
        engine.close()
    removed = [f"image {image}" for image in ledger.images if image not in left]
    ledger.keep(left)
    return removed


def _order(variants: Mapping[str, Variant], seed: int) -> Iterator[tuple[str, bool, int]]:
    """Variant, whether clean, and repetition: all clean builds, then all with their cache."""
    for clean in (True, False):
        times = {
            name: v.build.clean_repetitions if clean else v.build.cached_repetitions
            for name, v in variants.items()
        }
        if clean:
            # There is nothing to run without one.
            times = {name: max(1, count) for name, count in times.items()}
        for repetition in range(1, max(times.values(), default=0) + 1):
            for name in block_order(list(variants), seed, repetition):
                if repetition <= times[name]:
                    yield name, clean, repetition


def _tidy(engine: BuildEngine, images: list[str], kept: set[str]) -> list[str]:
    """Remove images; those that can't go yet, since a kept one was built upon them."""
    left = []
    for image in reversed(list(dict.fromkeys(filter(None, images)))):
        # The classic builder writes ids in short.
        short = image.removeprefix("sha256:")
        if any(each.removeprefix("sha256:").startswith(short) for each in kept):
            continue
        if not engine.remove_image(image):
            left.append(image)
    return left[::-1]


def _tag(experiment: str, variant: str, state: Path) -> str:
    """Of one agent's own: others may build the same experiment in the same engine."""
    return f"{TAG_PREFIX}{experiment}:{variant}-{state_id(state)[:8]}"


def _saying(doing: Callable[[str], None], request: Request) -> Callable[[str], None]:
    kind = "" if request.clean else " with its cache"
    times = request.build.clean_repetitions if request.clean else request.build.cached_repetitions
    if times > 1:
        kind += f" ({request.repetition} of {times})"

    def say(step: str) -> None:
        doing(f"building {request.variant}{kind}" + (f": {step}" if step else ""))

    return say


def _refused(variant: str) -> Failure:
    return Failure(
        code=FailureCode.FAILURE_CODE_REFUSED_BY_POLICY,
        message=f"{variant}: the policy of this host does not allow builds (builds = true would);"
        " build the image elsewhere and name it as image:",
    )


def _left_out(variant: str) -> Failure:
    return Failure(
        code=FailureCode.FAILURE_CODE_CONTEXT,
        message=f"{variant}: it was not built, since another variant's context is not here",
    )


def _failed(variant: str, fault: RuntimeFault) -> Failure:
    return Failure(code=fault.code, message=f"{variant}: {fault.message}")
