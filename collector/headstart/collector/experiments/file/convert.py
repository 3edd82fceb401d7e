"""A checked experiment file as the message that is stored and sent to agents."""

import json
import posixpath
from collections.abc import Iterable, Mapping
from typing import Any

from headstart.collector.experiments.file.beside_forms import companions_of
from headstart.collector.experiments.file.check_forms import CheckForm, RequestForm
from headstart.collector.experiments.file.container_form import container_check
from headstart.collector.experiments.file.gate_forms import GateForm
from headstart.collector.experiments.file.job_forms import jobs_of
from headstart.collector.experiments.file.load_forms import fill_in, name_host
from headstart.collector.experiments.file.models import (
    BuildForm,
    ExperimentForm,
    LoadForm,
    PlanForm,
    ServiceForm,
    VariantForm,
)
from headstart.collector.experiments.file.needs_forms import put_needs
from headstart.collector.experiments.file.requests import Request
from headstart.collector.experiments.file.value_forms import put_environment, sent_headers
from headstart.v1 import experiment_pb2 as pb
from headstart.words.foreign.secrets import shown_words, without_values
from headstart.words.networks import NETWORKS
from headstart.words.readiness import Kind, kind_of_service

_COMPILATIONS = {
    "jit": pb.COMPILATION_JIT,
    "aot": pb.COMPILATION_AOT,
    "mixed": pb.COMPILATION_MIXED,
    "r2r": pb.COMPILATION_MIXED,
    "interpreter": pb.COMPILATION_INTERPRETER,
    "other": pb.COMPILATION_OTHER,
}
_PAGE_CACHES = {"warm": pb.PAGE_CACHE_WARM, "cold": pb.PAGE_CACHE_COLD}
_PULLS = {
    None: pb.PULL_UNSPECIFIED,
    "missing": pb.PULL_MISSING,
    "always": pb.PULL_ALWAYS,
    "never": pb.PULL_NEVER,
}
_BUILD_NETWORKS = {"default": pb.BUILD_NETWORK_DEFAULT, "none": pb.BUILD_NETWORK_NONE}
_BUILDERS = {
    "auto": pb.BUILDER_UNSPECIFIED,
    "classic": pb.BUILDER_CLASSIC,
    "buildkit": pb.BUILDER_BUILDKIT,
}
_CATEGORIES = {
    "blocking": pb.DIAGNOSTIC_CATEGORY_BLOCKING,
    "review": pb.DIAGNOSTIC_CATEGORY_REVIEW,
    "suppressible": pb.DIAGNOSTIC_CATEGORY_SUPPRESSIBLE,
}


def to_experiment(
    form: ExperimentForm, base_directory: str, source_text: str, revision: str
) -> pb.Experiment:
    """The experiment with every default filled in and every path absolute."""
    experiment = pb.Experiment(
        name=form.experiment,
        baseline=form.baseline,
        variants=[
            _variant(name, variant, base_directory) for name, variant in form.variants.items()
        ],
        service=_service(form.service, base_directory),
        load=None if form.load is None else _load(form.load, form.service.tls != "no"),
        jobs=jobs_of(form.jobs),
        beside=companions_of(form.beside),
        plan=_plan(form.plan, with_load=form.load is not None),
        hosts=pb.HostSelector(labels=form.hosts.labels),
        gates=pb.Gates(),
        revision=revision,
        base_directory=base_directory,
        source_text=source_text,
        diagnostic_rules=[
            pb.DiagnosticRule(match=match, category=_CATEGORIES[category])
            for match, category in form.diagnostics.items()
        ],
    )
    if form.service.host is not None:
        name_host(experiment, form.service.host)
    if form.gates is not None:
        experiment.gates.profile = form.gates.profile or ""
        experiment.gates.gates.extend(_gates(_stated(form.gates)))
    if form.margins is not None:
        experiment.margins.update(_stated(form.margins))
    return experiment


def _stated(form: Any) -> dict[str, Any]:
    """The keys that the file states, in its order."""
    names = [name for name in type(form).model_fields if name in form.model_fields_set]
    return {name: getattr(form, name) for name in names}


def _gates(stated: Mapping[str, Any]) -> Iterable[pb.Gate]:
    for metric, gate in stated.items():
        if isinstance(gate, GateForm):
            yield pb.Gate(metric=metric, maximum=gate.max, minimum=gate.min, margin=gate.margin)


def _variant(name: str, form: VariantForm, base_directory: str) -> pb.Variant:
    variant = pb.Variant(
        name=name,
        compilation=_COMPILATIONS[form.compilation],
        entrypoint=form.entrypoint or (),
        description=form.description,
        base=form.base or "",
    )
    put_environment(variant, form.env)
    put_needs(variant, form)
    if form.image is not None:
        variant.image = form.image
    if form.build is not None:
        variant.build.CopyFrom(_build(form.build, base_directory))
    if form.command is not None:
        folder = posixpath.join(base_directory, form.workdir or "")
        variant.command.CopyFrom(_command(form.command, posixpath.normpath(folder)))
    elif form.workdir is not None:
        variant.working_directory = form.workdir
    return variant


def _command(argv: list[str], folder: str) -> pb.Command:
    return pb.Command(argv=_absolute_program(argv, folder), working_directory=folder)


def _absolute_program(argv: list[str], folder: str) -> list[str]:
    """What has a slash is a path of that folder, as in a shell; the rest the agent looks up."""
    program, *arguments = argv
    if "/" in program:
        program = posixpath.join(folder, program.removeprefix("./"))
    return [program, *arguments]


def _build(form: BuildForm, base_directory: str) -> pb.Build:
    git = None if form.git is None else pb.GitSource(url=form.git, commit=form.commit or "")
    # Of a repository it is a folder there.
    folder = base_directory if git is None else ""
    return pb.Build(
        context=posixpath.normpath(posixpath.join(folder, form.context)),
        git=git,
        dockerfile=form.dockerfile,
        target=form.target or "",
        arguments=form.arguments,
        clean_repetitions=form.clean_repetitions,
        cached_repetitions=form.cached_repetitions,
        network=_BUILD_NETWORKS[form.network],
        builder=_BUILDERS[form.builder],
        timeout_seconds=form.timeout,
        context_on_host=form.context_on_host,
    )


def _service(form: ServiceForm, base_directory: str) -> pb.Service:
    *before, ready = form.ready if isinstance(form.ready, list) else [form.ready]
    first_data = [form.first_data] if form.first_data else []
    names = _Names([*before, ready, *form.checks, *first_data])
    service = pb.Service(
        port=form.port or 0,
        before_ready=[_check(step, names.of(step)) for step in before],
        ready=_check(ready, names.of(ready, "ready")),
        checks=[
            _check(check, names.of(check), number) for number, check in enumerate(form.checks, 1)
        ],
        compare_with_baseline=form.compare_with_baseline,
        volatile_fields=form.volatile,
        startup_timeout_seconds=form.startup_timeout,
        tls=form.tls != "no",
        tls_verified=form.tls == "verified",
        address=form.address,
    )
    if form.first_data is not None:
        name = names.of(form.first_data, "first data")
        service.first_data.CopyFrom(_check(form.first_data, name))
    # Of a batch program every command is what follows the variant's own.
    is_batch = kind_of_service(service) is Kind.BATCH
    for check in service.checks:
        if check.HasField("command") and not is_batch:
            check.command.argv[:] = _absolute_program(list(check.command.argv), base_directory)
    return service


class _Names:
    """Names of checks: the user's own, and made ones that are none of these."""

    def __init__(self, checks: Iterable[CheckForm]) -> None:
        self._taken = {check.name for check in checks if check.name is not None}

    def of(self, check: CheckForm, default: str = "") -> str:
        if check.name is not None:
            return check.name
        made = default or _made_name(check)
        name, number = made, 1
        while name in self._taken:
            number += 1
            name = f"{made} ({number})"
        self._taken.add(name)
        return name


def _made_name(check: CheckForm) -> str:
    """What it does, without secret values: records and reports know a check by its name."""
    if check.request is not None:
        at = f" on port {check.port}" if check.port else ""
        return f"{check.request.method} {without_values(check.request.target)}{at}"
    if check.image is not None:
        return " ".join((check.image, *shown_words(check.command or ())))[:200]
    if check.log is not None:
        return f"log /{without_values(check.log)}/"[:200]
    return " ".join(shown_words(check.command or ()))[:200]


def _check(form: CheckForm, name: str, number: int = 0) -> pb.Check:
    if form.request is not None:
        http = _http_check(form, form.request)
        http.port = form.port or 0
        http.tls, http.tls_verified = form.tls != "no", form.tls == "verified"
        return pb.Check(name=name, http=http, covers=form.covers)
    if form.image is not None:
        return pb.Check(name=name, container=container_check(form, number), covers=form.covers)
    if form.log is not None:
        return pb.Check(name=name, log=pb.LogCheck(pattern=form.log))
    command = pb.CommandCheck(
        argv=form.command or (),
        exit_status=form.exit,
        output_pattern=form.output or "",
        timeout_seconds=form.timeout,
    )
    return pb.Check(name=name, command=command, covers=form.covers)


def _http_check(form: RequestForm, request: Request) -> pb.HttpCheck:
    expect = form.expect
    headers = sent_headers(form.headers)
    body = (form.body or "").encode()
    if "json_body" in form.model_fields_set:
        body = _json(form.json_body).encode()
        if not any(header.name.lower() == "content-type" for header in headers):
            headers.append(pb.Header(name="Content-Type", value="application/json"))
    return pb.HttpCheck(
        request=pb.HttpRequest(
            method=request.method, target=request.target, headers=headers, body=body
        ),
        status=expect.status or request.status,
        headers=_headers(expect.headers),
        json_subset=_json(expect.json_subset) if "json_subset" in expect.model_fields_set else "",
        body_pattern=expect.body or "",
    )


def _json(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _headers(headers: Mapping[str, str]) -> list[pb.Header]:
    return [pb.Header(name=name, value=value) for name, value in headers.items()]


def _load(form: LoadForm, tls: bool) -> pb.Load:
    if form.request is not None:
        check = _http_check(RequestForm(request=None), form.request)
        requests = [pb.WeightedRequest(check=check, weight=1)]
    else:
        requests = [
            pb.WeightedRequest(check=_http_check(entry, entry.request), weight=entry.weight)
            for entry in form.requests or ()
            if entry.request is not None
        ]
    load = pb.Load(
        requests=requests,
        connections=form.connections,
        duration_seconds=form.duration,
        driver=form.driver or "",
        window_seconds=form.window,
        first_window_seconds=form.first_window,
    )
    fill_in(load, form.rate, form.http, tls)
    return load


def _plan(form: PlanForm, with_load: bool) -> pb.Plan:
    plan = pb.Plan(
        blocks=form.blocks,
        maximum_blocks=form.blocks or form.maximum.blocks,
        maximum_seconds=form.maximum.time,
        seed=form.seed or 0,
        server_cpus=form.cpus.server or "",
        load_cpus=form.cpus.load or "",
        memory_limit_bytes=round(form.memory or 0),
        cpu_limit=form.cpu_limit or 0,
        idle_seconds=form.idle,
        settle_seconds=form.settle,
        page_cache=_PAGE_CACHES[form.page_cache],
        network=pb.Network.Value(NETWORKS[form.network]),
        sample_interval_seconds=form.sample_interval,
        load_every=form.load_every if with_load else 0,
        quiet_seconds=form.quiet,
        runtime_counters=form.runtime_counters,
        keep_going=form.keep_going,
        pull=_PULLS[form.pull],
        remove_pulled=form.remove_pulled,
    )
    floor = form.memory_floor
    if floor is not None and floor.search:
        plan.memory_floor = True
        plan.memory_floor_resolution_bytes = round(floor.resolution)
        plan.memory_floor_load_seconds = floor.load
        plan.memory_floor_throughput_share = floor.throughput
        plan.memory_floor_maximum_seconds = floor.time
    return plan
