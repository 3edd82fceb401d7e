"""A file becomes an experiment in which nothing is left to be guessed."""

from pathlib import Path

import pytest

from headstart.collector.experiments.file import (
    MAXIMUM_PROBLEM_BYTES,
    ExperimentProblems,
    load_experiment,
)
from headstart.v1 import experiment_pb2 as pb
from headstart.words import metrics
from headstart.words.foreign.secrets import references_in
from headstart.words.readiness import Kind, kind_of

FILES = Path(__file__).parents[1] / "experiment_files"


def load(name: str) -> pb.Experiment:
    return load_experiment((FILES / name).read_text(), "/home/me/players")


def header(check: pb.HttpCheck, name: str) -> list[str]:
    return [h.value for h in check.request.headers if h.name.lower() == name.lower()]


def test_the_example_of_the_product_is_accepted() -> None:
    experiment = load("product.yaml")

    assert experiment.name == "players-api"
    assert experiment.baseline == "jit"
    assert [(v.name, v.image, v.compilation) for v in experiment.variants] == [
        ("jit", "players:jit", pb.COMPILATION_JIT),
        ("aot", "players:aot-scratch", pb.COMPILATION_AOT),
    ]
    assert experiment.service.port == 9000
    assert experiment.service.ready.http.request.target == "/health"
    assert [c.http.status for c in experiment.service.checks] == [200, 201]
    assert experiment.load.duration_seconds == 30
    assert experiment.plan.memory_limit_bytes == 512 * 2**20
    assert dict(experiment.hosts.labels) == {"pool": "perf"}
    assert experiment.gates.profile == "native-aot-api"


def test_the_text_and_what_came_with_it_are_kept() -> None:
    text = (FILES / "minimal.yaml").read_text()
    experiment = load_experiment(text, "/home/me/./players/", revision="4f2a1")

    assert experiment.source_text == text
    assert experiment.base_directory == "/home/me/players"
    assert experiment.revision == "4f2a1"


def test_defaults_are_filled_in() -> None:
    experiment = load("minimal.yaml")

    assert experiment.plan == pb.Plan(
        blocks=0,
        maximum_blocks=30,
        maximum_seconds=7200,
        idle_seconds=5,
        settle_seconds=5,
        page_cache=pb.PAGE_CACHE_WARM,
        network=pb.NETWORK_OWN,
        sample_interval_seconds=0.02,
        load_every=0,
        quiet_seconds=2,
    )
    assert experiment.service.startup_timeout_seconds == 60
    assert experiment.service.address == "127.0.0.1"
    assert experiment.service.ready.name == "ready"
    assert not experiment.HasField("load")
    assert not experiment.service.HasField("first_data")


def test_defaults_of_a_load_are_filled_in() -> None:
    text = (FILES / "minimal.yaml").read_text() + "load: {request: GET /players}\n"
    experiment = load_experiment(text, "/x")
    load = experiment.load

    assert [r.weight for r in load.requests] == [1]
    assert load.requests[0].check.request == pb.HttpRequest(method="GET", target="/players")
    assert (load.connections, load.duration_seconds, load.rate_per_second) == (16, 60, 0)
    assert (load.window_seconds, load.first_window_seconds) == (1, 0.1)
    assert load.driver == ""
    assert load.http_version == pb.HTTP_VERSION_1_1
    assert experiment.plan.load_every == 2


def test_a_fixed_number_of_blocks_is_also_the_most_there_can_be() -> None:
    text = (FILES / "minimal.yaml").read_text() + "plan: {blocks: 12}\n"
    plan = load_experiment(text, "/x").plan

    assert (plan.blocks, plan.maximum_blocks) == (12, 12)


@pytest.mark.parametrize(
    ("word", "network"),
    [
        ("own", pb.NETWORK_OWN),
        ("bridge", pb.NETWORK_HOLDER),
        ("host", pb.NETWORK_HOST),
        # As files said it before there was a choice of three.
        ("holder", pb.NETWORK_HOLDER),
    ],
)
def test_a_network_is_asked_for_by_its_word(word: str, network: pb.Network.ValueType) -> None:
    text = (FILES / "minimal.yaml").read_text() + f"plan: {{network: {word}}}\n"

    assert load_experiment(text, "/x").plan.network == network


def test_paths_mean_the_folder_of_the_file() -> None:
    variants = {variant.name: variant for variant in load("complete.yaml").variants}

    assert variants["jit"].build.context == "/home/me/players"
    assert variants["aot"].build.context == "/home/me/players"
    assert variants["aot"].build.dockerfile == "docker/Dockerfile.aot"
    assert variants["process"].command == pb.Command(
        argv=["/home/me/players/out/bin/players", "9000"],
        working_directory="/home/me/players/out",
    )
    assert variants["aot"].working_directory == "/app"


def test_what_a_container_needs_is_stated_in_bytes_and_only_where_the_file_does() -> None:
    variants = {variant.name: variant for variant in load("complete.yaml").variants}

    assert variants["r2r"].needs == pb.ContainerNeeds(
        user="1000",
        read_only=True,
        tmpfs_bytes={"/tmp": 64 << 20, "/var/cache": 1 << 20},  # the container's
        shm_bytes=8 << 20,
        volumes=["/var/lib/players"],
        ulimits={"nofile": 65536, "memlock": -1},
        capabilities=["CHOWN", "SETUID"],
        host_paths=[
            pb.HostPath(host="/srv/models", at="/models"),
            pb.HostPath(host="/srv/cache", at="/cache", writable=True),
        ],
        hosts={"db.internal": "127.0.0.1", "cache": "fd00::1"},
    )
    assert not variants["aot"].HasField("needs")


def test_a_build_without_more_words_is_made_once_clean_by_the_engines_own_builder() -> None:
    variants = {variant.name: variant for variant in load("complete.yaml").variants}

    assert variants["jit"].build == pb.Build(
        context="/home/me/players",
        dockerfile="Dockerfile",
        clean_repetitions=1,
        cached_repetitions=0,
        network=pb.BUILD_NETWORK_DEFAULT,
        builder=pb.BUILDER_UNSPECIFIED,
        timeout_seconds=1800,
    )
    assert variants["aot"].build.network == pb.BUILD_NETWORK_NONE
    assert variants["aot"].build.builder == pb.BUILDER_BUILDKIT
    assert variants["aot"].build.timeout_seconds == 600


def test_a_check_names_the_packages_that_it_runs_through() -> None:
    checks = load("complete.yaml").service.checks

    assert [list(check.covers) for check in checks[1:4]] == [
        [],
        ["AutoMapper", "Microsoft.EntityFrameworkCore*"],
        [],
    ]


def test_a_check_may_be_a_container_with_all_that_a_container_is_given() -> None:
    _, integration, other = load("container-checks.yaml").service.checks

    assert (integration.name, other.name) == ("integration", "tests:2")
    assert list(integration.covers) == ["AutoMapper"]
    assert integration.container == pb.ContainerCheck(
        container=pb.Variant(
            name="check.2",
            image="tests:1",
            arguments=["--fast"],
            environment={"BROWSER": "none"},
            secret_environment={"PASSWORD": pb.SecretReference(variable="TESTS_PASSWORD")},
            needs=pb.ContainerNeeds(
                user="1000:1000", tmpfs_bytes={"/tmp": 16 << 20}, volumes=["/results"]
            ),
        ),
        exit_status=3,
        output_pattern="passed",
        timeout_seconds=300,
        junit="/results",
        memory_limit_bytes=256 << 20,
    )
    assert other.container == pb.ContainerCheck(
        container=pb.Variant(
            name="check.3", image="tests:2", entrypoint=["/bin/run"], working_directory="/app"
        ),
        timeout_seconds=30,
    )


def test_a_program_without_a_slash_is_left_to_the_agent() -> None:
    experiment = load("batch.yaml")

    assert experiment.variants[0].command.argv[0] == "java"
    assert experiment.variants[1].command.argv[0] == "/home/me/players/closure-compiler"


def test_a_batch_program_is_ready_when_it_has_ended() -> None:
    service = load("batch.yaml").service

    assert service.port == 0
    assert service.ready.command == pb.CommandCheck(
        argv=["--version"], exit_status=0, output_pattern=r"Version: v\d+", timeout_seconds=30
    )


def test_commands_of_a_batch_program_are_arguments() -> None:
    (check,) = load("batch.yaml").service.checks

    assert check.command.argv == ["--help"]


def test_jobs_have_arguments_repetitions_and_an_expected_end() -> None:
    short, long = load("batch.yaml").jobs

    assert (short.name, short.repeat, list(short.command.argv)) == (
        "short",
        3,
        ["--js", "small.js"],
    )
    assert (short.command.exit_status, short.command.timeout_seconds) == (0, 300)
    assert long == pb.BatchJob(
        name="long",
        repeat=1,
        command=pb.CommandCheck(
            argv=["--js", "large.js", "--opt", "2"],
            exit_status=1,
            output_pattern="done",
            timeout_seconds=120,
        ),
    )


def test_values_written_without_quotes_are_texts_where_texts_are_meant() -> None:
    experiment = load("complete.yaml")

    assert dict(experiment.variants[0].environment) == {
        "DOTNET_TieredPGO": "0",
        "DOTNET_gcServer": "false",
        "ASPNETCORE_URLS": "http://+:9000",
    }
    assert experiment.variants[1].entrypoint == ["/app/players", "--port", "9000"]
    assert experiment.plan.server_cpus == "0"
    assert experiment.hosts.labels["rack"] == "4"


def test_quantities_are_converted_to_the_unit_of_their_field() -> None:
    experiment = load("complete.yaml")
    plan = experiment.plan

    assert plan.memory_limit_bytes == 2**29
    assert plan.maximum_seconds == 3 * 3600
    assert plan.sample_interval_seconds == 0.01
    assert plan.seed == 2**64 - 1
    assert plan.load_cpus == "1,3-4"
    assert experiment.load.duration_seconds == 90
    assert experiment.load.rate_per_second == 100
    assert experiment.load.rate_to_per_second == 2000
    assert dict(experiment.margins) == {metrics.STARTUP.name: 0.025}


def test_gates_are_in_the_unit_of_their_metric() -> None:
    gates = load("complete.yaml").gates

    assert gates.profile == "ci-default"
    assert list(gates.gates) == [
        pb.Gate(metric=metrics.STARTUP.name, maximum=0.05, margin=0.1),
        pb.Gate(metric=metrics.RSS_IDLE.name, maximum=50_000_000),
        pb.Gate(metric=metrics.THROUGHPUT_STEADY.name, minimum=1000),
    ]
    assert not gates.gates[1].HasField("minimum")


def test_a_json_body_is_sent_as_json() -> None:
    check = load("complete.yaml").service.checks[2].http

    expected = '{"number":7,"name":"Zoë","injured":false,"height":1.82,"club":null}'
    assert check.request.body.decode() == expected
    assert header(check, "Content-Type") == ["application/json"]
    assert header(check, "X-Token") == ["12"]
    assert check.json_subset == '{"number":7}'
    assert [(h.name, h.value) for h in check.headers] == [
        ("Content-Type", "application/json; charset=utf-8")
    ]


def test_another_body_is_sent_as_it_stands() -> None:
    check = load("complete.yaml").service.checks[3].http

    assert check.request.body == b"line 1\nline 2"
    assert header(check, "Content-Type") == ["text/plain"]


def test_an_empty_json_document_is_a_body_and_a_missing_one_is_none() -> None:
    load_of = load("complete.yaml").load

    assert [r.check.request.body for r in load_of.requests] == [b"", b"[]", b"hello"]
    assert [r.weight for r in load_of.requests] == [1, 3, 1]


def test_a_request_names_a_port_of_its_own_and_what_it_speaks() -> None:
    checks = load("complete.yaml").service.checks
    own = checks[-1].http

    assert (own.port, own.tls, own.tls_verified) == (8081, True, False)
    assert (checks[0].http.port, checks[0].http.tls) == (0, False)


def test_readiness_may_have_several_steps_of_which_the_last_is_ready() -> None:
    service = load("steps.yaml").service

    assert [check.name for check in service.before_ready] == [
        "GET /healthz on port 8081",
        "caches are warm",
    ]
    assert service.ready.name == "ready"
    assert service.ready.http.request.target == "/players"
    for check in (*service.before_ready, service.ready):
        assert header(check.http, "Host") == ["players.example"]
    places = [path for path, _ in references_in(load("steps.yaml"))]
    assert places == [("service", "ready", 0, "headers", "X-Token")]


def test_a_worker_has_lines_of_its_log_for_readiness_and_no_port() -> None:
    experiment = load("worker.yaml")
    service = experiment.service

    assert kind_of(experiment) is Kind.WORKER
    (connected,) = service.before_ready
    assert (connected.name, connected.log.pattern) == (
        "log /queue: connected/",
        "queue: connected",
    )
    assert (service.ready.name, service.ready.log.pattern) == (
        "takes mail",
        r"^worker ready in \d+ ms$",
    )
    # A program of the host's, as with a service.
    assert list(service.checks[0].command.argv) == ["/home/me/players/has-sent-mail.sh"]
    assert kind_of(load("minimal.yaml")) is Kind.SERVICE
    assert kind_of(load("batch.yaml")) is Kind.BATCH


def test_names_of_checks_are_unique() -> None:
    service = load("complete.yaml").service

    assert [check.name for check in service.checks] == [
        "GET /players",
        "GET /players (2)",
        "add a player",
        "PUT /notes",
        "./integration-tests.sh --fast",
        "GET /healthz on port 8081",
    ]
    assert service.first_data.name == "first data"


def test_a_name_given_by_the_user_is_never_taken_by_another_check() -> None:
    text = (FILES / "minimal.yaml").read_text()
    text += "  checks:\n    - GET /a\n    - {name: GET /a, request: GET /b}\n"
    checks = load_experiment(text, "/x").service.checks

    assert [(c.name, c.http.request.target) for c in checks] == [
        ("GET /a (2)", "/a"),
        ("GET /a", "/b"),
    ]


def test_diagnostic_rules_keep_their_order() -> None:
    rules = load("complete.yaml").diagnostic_rules

    assert [(rule.match, rule.category) for rule in rules] == [
        ("IL2026", pb.DIAGNOSTIC_CATEGORY_SUPPRESSIBLE),
        ("IL3*", pb.DIAGNOSTIC_CATEGORY_REVIEW),
        ("Microsoft.EntityFrameworkCore", pb.DIAGNOSTIC_CATEGORY_BLOCKING),
    ]


@pytest.mark.parametrize("directory", ["", "players", "./players", "/a\nb", "/a\0b", "/\ud800"])
def test_a_base_directory_that_is_none_is_refused(directory: str) -> None:
    with pytest.raises(ExperimentProblems) as refused:
        load_experiment((FILES / "minimal.yaml").read_text(), directory)

    assert [(p.line, p.path) for p in refused.value.problems] == [(0, "base_directory")]


@pytest.mark.parametrize("revision", ["x" * 129, "a\nb", "\ud800"])
def test_a_revision_that_is_none_is_refused(revision: str) -> None:
    with pytest.raises(ExperimentProblems) as refused:
        load_experiment((FILES / "minimal.yaml").read_text(), "/x", revision=revision)

    assert [(p.line, p.path) for p in refused.value.problems] == [(0, "revision")]


def test_a_flood_of_mistakes_is_cut_with_a_count() -> None:
    text = (FILES / "minimal.yaml").read_text() + "".join(f"key{i}: 1\n" for i in range(200))
    with pytest.raises(ExperimentProblems) as refused:
        load_experiment(text, "/x")

    *told, last = refused.value.problems
    assert sum(problem.ByteSize() for problem in told) <= MAXIMUM_PROBLEM_BYTES
    assert last.message == f"and {200 - len(told)} more mistakes from here on"
    assert last.line == told[-1].line + 1


def test_problems_are_written_as_editors_understand_them() -> None:
    text = (FILES / "minimal.yaml").read_text().replace("9000", "90000")
    with pytest.raises(ExperimentProblems) as refused:
        load_experiment(text, "/x", file_name="players.yaml")

    assert str(refused.value) == (
        "players.yaml:7:9: service.port: expected a whole number from 1 to 65535, found 90000"
    )


def test_a_rate_alone_stays() -> None:
    text = (FILES / "minimal.yaml").read_text() + "load: {request: GET /, rate: 2000/s}\n"
    load = load_experiment(text, "/x").load

    assert (load.rate_per_second, load.rate_to_per_second, load.rate_steps) == (2000, 0, 0)
    assert load.http_version == pb.HTTP_VERSION_1_1
    assert not load.tls


@pytest.mark.parametrize("http", ["2", '"2"'])
def test_the_load_speaks_http_2_where_it_is_asked_to(http: str) -> None:
    text = (FILES / "minimal.yaml").read_text() + f"load: {{request: GET /, http: {http}}}\n"

    assert load_experiment(text, "/x").load.http_version == pb.HTTP_VERSION_2


@pytest.mark.parametrize(
    ("tls", "expected"),
    [("true", (True, True)), ("false", (False, False)), ("unverified", (True, False))],
)
def test_tls_is_verified_unless_that_is_waived(tls: str, expected: tuple[bool, bool]) -> None:
    text = (FILES / "minimal.yaml").read_text().replace("service:\n", f"service:\n  tls: {tls}\n")
    experiment = load_experiment(text + "load: {request: GET /}\n", "/x")

    assert (experiment.service.tls, experiment.service.tls_verified) == expected
    assert experiment.load.tls is expected[0]


def test_every_request_is_sent_to_the_host_that_is_named() -> None:
    experiment = load("complete.yaml")
    service = experiment.service
    asked = [check.http for check in (service.ready, *service.checks) if check.HasField("http")]
    asked += [service.first_data.http, *(w.check for w in experiment.load.requests)]

    assert [header(check, "Host") for check in asked] == [["players.example:9000"]] * 10


def test_a_name_that_is_made_of_a_check_holds_no_secret() -> None:
    text = """
experiment: x
baseline: a
variants: {a: {image: a}, b: {image: b}}
service:
  port: 80
  ready: GET /health
  checks:
    - GET /players?token=Zq75query
    - {command: [./check, --password, Zq73pass, TOKEN=Zq74token]}
"""
    names = [check.name for check in load_experiment(text, "/").service.checks]

    assert names == ["GET /players?token=[masked]", "./check --password [masked] TOKEN=[masked]"]
