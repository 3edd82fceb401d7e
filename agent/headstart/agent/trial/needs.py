"""What an experiment needs of this host and does not find, before anything is measured.

`headstart check`, every local run and every agent ask here, so that they find the same.
Adding a check is a function from `Host` to obstacles, and its place in `CHECKS`.

An agent asks again although the command has: in a fleet there is no command beside it. A variant
that does not build is a result, not an obstacle, and so is an app that does not start. Rejected: to
create a container of each image and see, which starts something and reads the image into the page
cache of one variant only; to keep going by default, since minutes are lost before it is seen.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from headstart.agent.builds.context_sources import is_brought
from headstart.agent.builds.git_program import git_problem
from headstart.agent.instances import RuntimeFault
from headstart.agent.linux.affinity import usable_cpus
from headstart.agent.linux.paths import is_file, is_folder
from headstart.agent.linux.sysfs import may_drop_page_cache, online_cpus, parse_cpus
from headstart.agent.load.table import choose
from headstart.agent.policy.host_secrets import HostSecrets
from headstart.agent.runtimes.commands import find_program
from headstart.agent.runtimes.obstacles import FilePath, Obstacle
from headstart.agent.runtimes.ports import require_free_port
from headstart.agent.runtimes.runtime import Runtime, RuntimeTable
from headstart.agent.trial.refusals import refusals
from headstart.agent.trial.scripts import missing_script
from headstart.v1.experiment_pb2 import Build, Experiment, Network, PageCache, Pull, Variant
from headstart.v1.records_pb2 import Failure, FailureCode, ResolvedVariant
from headstart.words.containers import Placed, containers_of
from headstart.words.readiness import Kind, kind_of, own_ports_of, stated
from headstart.words.runtimes import RUNTIMES


@dataclass
class Host:
    """What is asked, and what answers. `resolved` is filled by the check of the variants."""

    experiment: Experiment
    runtimes: RuntimeTable
    commands_allowed: bool
    network_refusal: Callable[[Network.ValueType], str | None]
    secrets: HostSecrets = field(default_factory=HostSecrets)
    # Why the context of a build is not brought here; None: it may be.
    context_refusal: Callable[[Build], str | None] = lambda _build: None
    resolved: dict[str, ResolvedVariant] = field(default_factory=dict)
    # Variants whose images the run pulls, and others likewise; filled likewise.
    to_pull: list[Variant] = field(default_factory=list)


def obstacles(host: Host) -> list[Obstacle]:
    """All that is in the way, in the order of `CHECKS`. Images to be built are not asked for."""
    # Two runtimes may say the same of the plan.
    return list(dict.fromkeys(obstacle for check in CHECKS for obstacle in check(host)))


def resolve(
    experiment: Experiment,
    runtimes: RuntimeTable,
    variant: Variant,
    unbuilt: Mapping[str, Failure],
) -> ResolvedVariant:
    """What every trial of a variant will use, or its failure."""
    if variant.name in unbuilt:
        return ResolvedVariant(variant=variant.name, failure=unbuilt[variant.name])
    try:
        runtime = runtimes.for_variant(variant)
    except RuntimeFault as fault:
        return ResolvedVariant(
            variant=variant.name, failure=Failure(code=fault.code, message=fault.message)
        )
    return runtime.resolve(variant, experiment.base_directory)


def unresolved(placed: Placed, resolved: ResolvedVariant) -> Iterator[Obstacle]:
    """The failure of a variant or another container as an obstacle, if it has one.

    Without its companions an app is another one, and nothing is measured untested.
    """
    if resolved.HasField("failure"):
        container, failure = placed.container, resolved.failure
        path = (*placed.path, container.WhichOneof("source") or "image")
        variant = container.name if placed.path[0] == "variants" else ""
        forbids = placed.path[0] != "variants"
        yield Obstacle(path, failure.message, failure.code, variant, forbids=forbids)


def _allowed(host: Host) -> Iterator[Obstacle]:
    yield from refusals(host.experiment, host.commands_allowed, host.network_refusal)


def _secrets(host: Host) -> Iterator[Obstacle]:
    """Without what it refers to, an app that starts is another one."""
    for problem in host.secrets.problems:
        code = (
            FailureCode.FAILURE_CODE_REFUSED_BY_POLICY
            if problem.is_refused
            else FailureCode.FAILURE_CODE_AGENT
        )
        yield Obstacle(problem.path, problem.message, code, forbids=True)


def _variants(host: Host) -> Iterator[Obstacle]:
    for placed in containers_of(host.experiment):
        variant = placed.container
        if variant.HasField("build") and host.runtimes.builder() is not None:
            yield from _build(host, variant)
            continue
        resolved = resolve(host.experiment, host.runtimes, variant, {})
        is_missing = resolved.failure.code == FailureCode.FAILURE_CODE_IMAGE_MISSING
        if is_missing or _is_pulled_anyway(host, variant):
            if (refusal := _pull_refusal(host, variant)) is None:
                host.to_pull.append(variant)
                yield _pull(placed, is_missing)
                continue
            if is_missing:
                resolved.failure.message += f"; {refusal}"
            elif not resolved.HasField("failure"):
                # What is here may be another image than what was asked for.
                resolved.failure.code = FailureCode.FAILURE_CODE_REFUSED_BY_POLICY
                resolved.failure.message = f"{variant.name}: image {variant.image}: {refusal}"
        host.resolved[variant.name] = resolved
        yield from unresolved(placed, resolved)


def _is_pulled_anyway(host: Host, variant: Variant) -> bool:
    always = host.experiment.plan.pull == Pull.PULL_ALWAYS
    return always and variant.HasField("image") and host.runtimes.puller() is not None


def _pull_refusal(host: Host, variant: Variant) -> str | None:
    puller = host.runtimes.puller()
    if puller is None:
        return "nothing here pulls it"
    return puller.pull_refusal(variant, host.experiment.plan.pull)


def _pull(placed: Placed, is_missing: bool) -> Obstacle:
    """What takes time before the first trial, and may fail."""
    variant = placed.container
    what = "does not hold" if is_missing else "may hold an older"
    message = f"{variant.name}: the engine {what} image {variant.image}; the run pulls it"
    code = FailureCode.FAILURE_CODE_IMAGE_MISSING
    return Obstacle((*placed.path, "image"), message, code, variant.name, blocks=False)


def _build(host: Host, variant: Variant) -> Iterator[Obstacle]:
    """What a build reads first."""
    key = ("variants", variant.name, "build")
    if is_brought(variant.build):
        yield from _brought(host, variant)
        return
    folder = Path(variant.build.context)
    dockerfile = folder / (variant.build.dockerfile or "Dockerfile")
    if not is_folder(folder):
        what, where = f"the folder {folder} does not exist", "context"
    elif not is_file(dockerfile):
        what, where = f"there is no Dockerfile {dockerfile}", "dockerfile"
    else:
        return
    message = f"{variant.name} cannot be built: {what}"
    yield Obstacle((*key, where), message, FailureCode.FAILURE_CODE_BUILD, variant.name)


def _brought(host: Host, variant: Variant) -> Iterator[Obstacle]:
    """What can be said of a context before it is fetched."""
    git = variant.build.git if variant.build.HasField("git") else None
    key = ("variants", variant.name, "build", "context" if git is None else "git")
    if refusal := host.context_refusal(variant.build):
        code = FailureCode.FAILURE_CODE_REFUSED_BY_POLICY
        yield Obstacle(key, f"{variant.name} cannot be built: {refusal}", code, variant.name)
    elif git is not None:
        code = FailureCode.FAILURE_CODE_CONTEXT
        if problem := git_problem():
            yield Obstacle(key, f"{variant.name} cannot be built: {problem}", code, variant.name)
        else:
            message = f"{variant.name}: the run fetches {git.url} at {git.commit}"
            yield Obstacle(key, message, code, variant.name, blocks=False)


def _scripts(host: Host) -> Iterator[Obstacle]:
    for variant in host.experiment.variants:
        argv = variant.command.argv
        folder = variant.command.working_directory or host.experiment.base_directory or "/"
        found = missing_script(argv, folder) if is_folder(Path(folder)) else None
        if found is not None:
            path: FilePath = ("variants", variant.name, "command", found)
            message = (
                f"{variant.name} cannot be started: there is no file {argv[found]} in {folder}"
            )
            code = FailureCode.FAILURE_CODE_DOES_NOT_START
            yield Obstacle(path, message, code, variant.name)


def _check_programs(host: Host) -> Iterator[Obstacle]:
    """Programs among the checks; of a batch program they are its arguments."""
    service = host.experiment.service
    if kind_of(host.experiment) is Kind.BATCH or not host.commands_allowed:
        return
    for number, check in enumerate(service.checks):
        argv = check.command.argv
        folder = Path(host.experiment.base_directory or "/")
        search = os.environ.get("PATH", os.defpath)
        if argv and find_program(argv[0], folder, search) is None:
            path = ("service", "checks", number, "command")
            where = folder if "/" in argv[0] else f"PATH ({search})"
            message = f"there is no program {argv[0]} that can be executed in {where}"
            yield Obstacle(path, message, FailureCode.FAILURE_CODE_CHECK_FAILED)


def _port(host: Host) -> Iterator[Obstacle]:
    """Only the host's own network has ports that others may use."""
    service = host.experiment.service
    if not service.port or not (
        host.experiment.plan.network == Network.NETWORK_HOST or _runs_unconfined(host)
    ):
        return
    for port, path in {service.port: ("service", "port"), **own_ports_of(service)}.items():
        try:
            require_free_port(port, stated(path))
        except RuntimeFault as fault:
            yield Obstacle(path, fault.message, fault.code)


def _cpus(host: Host) -> Iterator[Obstacle]:
    """Whether the app and the load may run on the CPUs that the plan names.

    Containers are the engine's, which may use CPUs that this agent may not.
    """
    plan = host.experiment.plan
    unconfined = _runs_unconfined(host)
    for key, text in (("server", plan.server_cpus), ("load", plan.load_cpus)):
        path = ("plan", "cpus", key)
        try:
            cpus = parse_cpus(text)
            usable = usable_cpus() if unconfined or key == "load" else online_cpus()
        except ValueError as error:
            message = f"the plan's cpus do not suit this host: {error}"
            yield Obstacle(path, message, FailureCode.FAILURE_CODE_AGENT)
            continue
        if missing := cpus - usable:
            message = (
                f"this host has no CPU {_listed(missing)} for it: it may use {_listed(usable)}"
            )
            yield Obstacle(path, message, FailureCode.FAILURE_CODE_AGENT)


def _listed(cpus: frozenset[int]) -> str:
    return ", ".join(map(str, sorted(cpus)))


def _load(host: Host) -> Iterator[Obstacle]:
    if not host.experiment.HasField("load"):
        return
    load = host.experiment.load
    driver = choose(load)
    if isinstance(driver, Failure):
        path = ("load", "driver") if load.driver else ("load",)
        yield Obstacle(path, driver.message, driver.code)


def _page_cache(host: Host) -> Iterator[Obstacle]:
    if host.experiment.plan.page_cache == PageCache.PAGE_CACHE_COLD and not may_drop_page_cache():
        message = "the page cache stays warm: dropping it needs root on the host"
        code = FailureCode.FAILURE_CODE_AGENT
        yield Obstacle(("plan", "page_cache"), message, code, blocks=False)


def _plan(host: Host) -> Iterator[Obstacle]:
    """What the runtimes of its variants cannot apply of the plan."""
    for runtime in _used(host).values():
        yield from runtime.obstacles(host.experiment)
    if (checker := host.runtimes.checker()) is not None:
        yield from checker.check_obstacles(host.experiment)


def _runs_unconfined(host: Host) -> bool:
    """Whether a variant shares the host's ports, and this agent's CPUs."""
    return not all(RUNTIMES[name].confined for name in _used(host))


def _used(host: Host) -> dict[str, Runtime]:
    """The runtimes of the variants, by name, as far as they are there."""
    used = {}
    for variant in host.experiment.variants:
        with suppress(RuntimeFault):
            runtime = host.runtimes.for_variant(variant)
            used[runtime.name] = runtime
    return used


CHECKS: tuple[Callable[[Host], Iterator[Obstacle]], ...] = (
    _allowed,
    _secrets,
    _variants,
    _scripts,
    _check_programs,
    _port,
    _cpus,
    _load,
    _page_cache,
    _plan,
)
