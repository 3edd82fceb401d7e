"""Builds in a real engine, by both builders: what they tell, how they fail, what they leave."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import zstandard

from headstart.agent.builds.build_all import build_variants, remove_leftovers
from headstart.agent.builds.build_engine import BuildEngine
from headstart.agent.builds.builder import Request, run_build
from headstart.agent.builds.ledger import Ledger
from headstart.agent.cancellation import Cancellation
from headstart.agent.policy.policy import Policy
from headstart.agent.runtimes.docker_runtime import DockerRuntime
from headstart.agent.uplink.context_fetch import no_fetch
from headstart.v1.experiment_pb2 import (
    BUILD_NETWORK_NONE,
    BUILDER_BUILDKIT,
    BUILDER_CLASSIC,
    Build,
    Builder,
    Experiment,
    Variant,
)
from headstart.v1.records_pb2 import BuildOutcome, FailureCode
from support.images import build_app, image_of
from support.proxies import proxy
from support.trees import write_tree
from support.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.compiler]

BUILDERS = [
    pytest.param(BUILDER_CLASSIC, id="classic"),
    pytest.param(BUILDER_BUILDKIT, id="buildkit"),
]
# What finds the processes of this file's builds on the host.
WORD = f"headstart-test-build-{os.getpid()}"
MARK = f"out={WORD}"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An image with a program that can do what a step should."""
    program = build_app(tmp_path_factory.mktemp("app"))
    with image_of(program, f"headstart-test-build:{os.getpid()}") as name:
        yield name


@pytest.fixture
def engine() -> Iterator[BuildEngine]:
    engine = BuildEngine()
    yield engine
    engine.close()


@pytest.fixture
def build(base: str, tmp_path: Path, engine: BuildEngine) -> Iterator[Callable[..., BuildOutcome]]:
    """Builds steps on the base; at the end nothing of the builds is left in the engine."""
    before = containers()
    ledger = Ledger(tmp_path / "ledger")

    def run(
        *steps: str,
        builder: Builder.ValueType,
        clean: bool = True,
        cancelled: Cancellation | None = None,
        doing: Callable[[str], None] = lambda _step: None,
        timeout_seconds: float = 60.0,
        **files: str,
    ) -> BuildOutcome:
        lines = [f"FROM {base}", *steps, ""]
        write_tree(tmp_path / "context", {"Dockerfile": "\n".join(lines), **files})
        order = Build(
            context=str(tmp_path / "context"),
            dockerfile="Dockerfile",
            builder=builder,
            network=BUILD_NETWORK_NONE,
            timeout_seconds=timeout_seconds,
        )
        tag = f"headstart/test:{os.getpid()}"
        request = Request("aot", order, clean, 1, tag, (), 256 << 20)
        return run_build(request, engine, ledger, cancelled or Cancellation(), doing)

    yield run
    for image in reversed(ledger.images):
        engine.remove_image(image)
    assert containers() <= before
    assert processes() == []


def containers() -> set[str]:
    """Those of steps: they run no image by name."""
    command = ["docker", "ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Command}}"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {line.split()[0] for line in listed.splitlines() if MARK in line}


def processes() -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            # The program cuts its own arguments in two at the sign.
            if command[0] == b"app" and WORD.encode() in command:
                found.append(int(entry.name))
    return found


def log_of(outcome: BuildOutcome) -> str:
    return zstandard.decompress(outcome.log).decode()


def step(outcome: BuildOutcome, words: str) -> float:
    (found,) = [s.duration_seconds for s in outcome.steps if words in s.name]
    return found


@pytest.mark.parametrize("builder", BUILDERS)
def test_a_build_tells_its_steps_its_log_and_its_image(
    build: Callable[..., BuildOutcome], engine: BuildEngine, builder: Builder.ValueType
) -> None:
    outcome = build(
        f'RUN ["app", "{MARK}", "err=/src/a.cs(7,1): warning IL2026: Using it [/src/a.csproj]"]',
        "COPY file /file",
        'ENTRYPOINT ["app", "wait"]',
        builder=builder,
        file="content",
    )

    assert not outcome.HasField("failure")
    assert outcome.digest == engine.image_id(f"headstart/test:{os.getpid()}")
    assert (outcome.variant, outcome.clean, outcome.builder) == ("aot", True, builder)
    assert outcome.steps[0].name == "context"
    assert not any(s.cached for s in outcome.steps if "RUN" in s.name)
    assert 0 < step(outcome, "RUN") < outcome.duration_seconds
    # Those of BuildKit may overlap.
    ends = [s.start_seconds + s.duration_seconds for s in outcome.steps]
    assert max(ends) <= outcome.duration_seconds + 0.001
    assert f"{WORD}\n" in log_of(outcome)
    assert outcome.log_bytes == len(log_of(outcome).encode())
    assert [(d.code, d.file, d.line) for d in outcome.diagnostics] == [("IL2026", "/src/a.cs", 7)]


@pytest.mark.parametrize("builder", BUILDERS)
def test_a_build_with_its_cache_runs_nothing_and_makes_the_same_image(
    build: Callable[..., BuildOutcome], builder: Builder.ValueType
) -> None:
    steps = [f'RUN ["app", "{MARK}"]', "COPY file /file"]
    clean = build(*steps, builder=builder, file="content")
    cached = build(*steps, builder=builder, file="content", clean=False)

    assert cached.digest == clean.digest
    assert [s.cached for s in cached.steps if "RUN" in s.name or "COPY" in s.name] == [True, True]
    assert [s.cached for s in clean.steps if "RUN" in s.name or "COPY" in s.name] == [False, False]


@pytest.mark.parametrize("builder", BUILDERS)
def test_a_command_that_fails_is_told_with_its_status_and_its_words(
    build: Callable[..., BuildOutcome], builder: Builder.ValueType
) -> None:
    outcome = build('RUN ["app", "err=no such rule", "exit=3"]', builder=builder)

    assert outcome.failure.code == FailureCode.FAILURE_CODE_BUILD
    assert outcome.failure.message.startswith("aot does not build: step ")
    assert outcome.failure.message.endswith(" failed with status 3: no such rule")
    assert outcome.failure.exit_status == 3
    assert "no such rule\n" in outcome.failure.output_tail
    assert outcome.digest == ""
    assert step(outcome, "RUN") > 0


@pytest.mark.parametrize("builder", BUILDERS)
def test_the_last_words_of_a_command_may_be_those_of_the_builder(
    build: Callable[..., BuildOutcome], builder: Builder.ValueType
) -> None:
    outcome = build(
        f'RUN ["app", "{MARK}", "out= ---> Running in 779b5bfc3b30", "exit=3"]', builder=builder
    )

    assert outcome.failure.message.endswith("failed with status 3: ---> Running in 779b5bfc3b30")


def test_of_stages_that_run_beside_each_other_the_one_that_failed_is_told(
    build: Callable[..., BuildOutcome], base: str
) -> None:
    """The other one began first, and was ended because of it."""
    error = "/src/P.cs(3,4): error CS0246: no type Foo [/src/W.csproj]"
    outcome = build(
        "FROM " + base + " AS assets",
        f'RUN ["app", "{MARK}", "wait"]',
        "FROM " + base + " AS publish",
        f'RUN ["app", "err={error}", "exit=3"]',
        "FROM scratch",
        "COPY --from=assets /bin/app /a",
        "COPY --from=publish /bin/app /b",
        builder=BUILDER_BUILDKIT,
    )
    wait_until(lambda: processes() == [])

    assert "exit=3" in outcome.failure.message.partition(" failed with ")[0]
    assert outcome.failure.message.endswith(" failed with status 3: CS0246: no type Foo")


@pytest.mark.parametrize("builder", BUILDERS)
def test_output_that_a_builder_keeps_back_makes_what_was_found_the_least(
    build: Callable[..., BuildOutcome], builder: Builder.ValueType
) -> None:
    """BuildKit keeps 2 MiB of a step, the classic builder all of it."""
    warning = "ILC : Trim analysis warning IL2026: Ns.Type.M(): text [/src/app.csproj]"
    last = "ILC : AOT analysis warning IL3050: Last.Type.M(): text [/src/app.csproj]"
    outcome = build(
        f'RUN ["app", "{MARK}", "err={warning}", "flood=3", "err={last}"]', builder=builder
    )

    assert outcome.log_clipped == (builder == BUILDER_BUILDKIT)
    assert "IL2026" in {d.code for d in outcome.diagnostics}
    if not outcome.log_clipped:
        assert "IL3050" in {d.code for d in outcome.diagnostics}


@pytest.mark.parametrize("builder", BUILDERS)
def test_a_file_that_is_missing_is_named(
    build: Callable[..., BuildOutcome], builder: Builder.ValueType
) -> None:
    outcome = build("COPY nowhere /file", builder=builder)

    assert outcome.failure.code == FailureCode.FAILURE_CODE_BUILD
    assert "COPY nowhere /file failed" in outcome.failure.message
    assert "not found" in outcome.failure.message


@pytest.mark.parametrize("builder", BUILDERS)
def test_a_mistake_in_the_dockerfile_is_told_in_the_engines_words(
    build: Callable[..., BuildOutcome], builder: Builder.ValueType
) -> None:
    outcome = build("RUNN make", builder=builder)

    assert outcome.failure.code == FailureCode.FAILURE_CODE_BUILD
    assert "unknown instruction: RUNN" in outcome.failure.message


def test_a_folder_or_a_dockerfile_that_is_not_there_is_named(
    engine: BuildEngine, tmp_path: Path
) -> None:
    def failure(context: Path) -> str:
        build = Build(context=str(context), dockerfile="Dockerfile.aot")
        request = Request("aot", build, True, 1, "headstart/test:none", (), 256 << 20)
        ledger = Ledger(tmp_path / "ledger")
        outcome = run_build(request, engine, ledger, Cancellation(), lambda _step: None)
        return outcome.failure.message

    assert failure(tmp_path / "x").endswith(f"this host has no folder {tmp_path}/x to build in")
    assert failure(tmp_path).endswith(f"there is no Dockerfile.aot in {tmp_path}")


@pytest.mark.parametrize("builder", BUILDERS)
def test_a_cancelled_build_ends_at_once_and_what_it_took_of_memory_is_known(
    build: Callable[..., BuildOutcome], builder: Builder.ValueType
) -> None:
    cancelled = Cancellation()
    looks = []

    def doing(name: str) -> None:
        # Once the memory is touched it is there in the next looks, too.
        if any(psutil.Process(pid).memory_info().rss >= 64 << 20 for pid in processes()):
            looks.append(name)
        if len(looks) > 3:
            cancelled.set()

    outcome = build(
        f'RUN ["app", "{MARK}", "touch=64", "wait"]',
        builder=builder,
        cancelled=cancelled,
        doing=doing,
    )
    wait_until(lambda: processes() == [])

    assert all("touch=64" in name for name in looks)
    assert outcome.failure.code == FailureCode.FAILURE_CODE_CANCELLED
    assert outcome.digest == ""
    assert 64 << 20 <= outcome.anonymous_peak_bytes < 100 << 20
    assert outcome.memory_peak_bytes >= outcome.anonymous_peak_bytes
    assert 0 < outcome.cpu_seconds < outcome.duration_seconds
    assert f"{WORD}\n" in log_of(outcome)


@pytest.mark.parametrize("exit_status", [0, 3])
def test_a_container_and_an_image_that_a_step_names_are_untouched(
    build: Callable[..., BuildOutcome],
    engine: BuildEngine,
    base: str,
    tmp_path: Path,
    exit_status: int,
) -> None:
    """It writes what the builder writes; both were there before."""
    command = ["docker", "create", "--rm", base, "app", "wait"]
    foreign = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    image = dangling_image(base)
    try:
        outcome = build(
            f'RUN ["app", "{MARK}", "out= ---> Running in {foreign[:12]}",'
            f' "out= ---> Using cache", "out= ---> {image[7:19]}", "exit={exit_status}"]',
            builder=BUILDER_CLASSIC,
        )
        named = (engine.step_container(foreign), engine.step_image(image))
    finally:
        subprocess.run(["docker", "rm", foreign], check=True, capture_output=True)
        subprocess.run(["docker", "rmi", image], check=True, capture_output=True)

    assert named == (foreign, image)
    assert not any(image[7:19] in each for each in Ledger(tmp_path / "ledger").images)
    assert outcome.HasField("failure") == bool(exit_status)
    assert not any(s.cached for s in outcome.steps)


def dangling_image(base: str) -> str:
    """The id of an image without a name, as an interrupted build leaves them."""
    command = ["docker", "build", "-q", "-"]
    dockerfile = f"FROM {base}\nENV FOREIGN=1\n"
    return subprocess.run(
        command, input=dockerfile, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.mark.parametrize("builder", BUILDERS)
def test_a_build_that_takes_too_long_is_stopped_and_says_where(
    build: Callable[..., BuildOutcome], builder: Builder.ValueType
) -> None:
    outcome = build(f'RUN ["app", "{MARK}", "wait"]', builder=builder, timeout_seconds=1.5)
    wait_until(lambda: processes() == [])

    assert outcome.failure.code == FailureCode.FAILURE_CODE_BUILD
    assert "stopped after 1.5 s (timeout) in step " in outcome.failure.message
    assert "RUN" in outcome.failure.message


def test_a_step_of_the_classic_builder_has_the_network_and_the_memory_that_were_asked_for(
    build: Callable[..., BuildOutcome],
) -> None:
    cancelled = Cancellation()
    seen: list[str] = []

    def doing(_step: str) -> None:
        for container in containers() if processes() else ():
            template = "{{.HostConfig.NetworkMode}} {{.HostConfig.Memory}}"
            command = ["docker", "inspect", "-f", template, container]
            found = subprocess.run(command, check=False, capture_output=True, text=True)
            seen.append(found.stdout.strip())
            cancelled.set()

    build(
        f'RUN ["app", "{MARK}", "wait"]', builder=BUILDER_CLASSIC, cancelled=cancelled, doing=doing
    )
    wait_until(lambda: processes() == [])

    assert seen[0] == f"none {256 << 20}"


def test_an_engine_that_goes_away_is_no_fault_of_the_build(
    base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tree(tmp_path, {"Dockerfile": f'FROM {base}\nRUN ["app", "{MARK}", "wait"]\n'})
    with proxy("/var/run/docker.sock") as way:
        monkeypatch.setenv("DOCKER_HOST", way.address)
        engine = BuildEngine()

        def doing(_step: str) -> None:
            if processes():
                way.cut()

        order = Build(context=str(tmp_path), dockerfile="Dockerfile", network=BUILD_NETWORK_NONE)
        request = Request("aot", order, True, 1, "headstart/test:none", (), 256 << 20)
        ledger = Ledger(tmp_path / "ledger")
        outcome = run_build(request, engine, ledger, Cancellation(), doing)
        engine.close()
    wait_until(lambda: processes() == [])

    assert outcome.failure.code == FailureCode.FAILURE_CODE_ENGINE
    assert outcome.failure.message.startswith("aot: the Docker Engine was lost during the build")


def experiment(base: str, folder: Path, **steps: str) -> Experiment:
    """An experiment whose variants are built on the base with one step each."""
    found = Experiment(name=f"build-test-{os.getpid()}", baseline=next(iter(steps)))
    for name, text in steps.items():
        write_tree(folder, {f"Dockerfile.{name}": f"FROM {base}\n{text}\n"})
        build = Build(
            context=str(folder),
            dockerfile=f"Dockerfile.{name}",
            clean_repetitions=2,
            cached_repetitions=1,
            network=BUILD_NETWORK_NONE,
        )
        found.variants.append(Variant(name=name, build=build))
    return found


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """A state folder; at the end no image of its builds is left."""
    folder = tmp_path / "state"
    folder.mkdir()
    yield folder
    listed = subprocess.run(
        ["docker", "images", "-q", f"headstart/build-test-{os.getpid()}"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    engine = BuildEngine()
    for image in [*listed, *reversed(Ledger(folder / "builds").images)]:
        engine.remove_image(image)
    engine.close()


def our_images(ledger: Path) -> list[str]:
    return ledger.read_text().split() if ledger.exists() else []


def test_one_image_a_variant_stays_and_a_variant_that_does_not_build_keeps_none(
    base: str, tmp_path: Path, state: Path
) -> None:
    asked = experiment(
        base,
        tmp_path / "context",
        jit=f'RUN ["app", "{MARK}"]\nENTRYPOINT ["app", "wait"]',
        aot='RUN ["app", "exit=1"]',
    )
    runtime = DockerRuntime.connect(state, Policy(builds=True))
    outcomes: list[BuildOutcome] = []
    said: list[str] = []
    failures = runtime.build(asked, 7, outcomes.append, Cancellation(), said.append, no_fetch)
    resolved = runtime.resolve(asked.variants[0], "/")
    again: list[BuildOutcome] = []
    runtime.build(asked, 7, again.append, Cancellation(), said.append, no_fetch)
    now = runtime.resolve(asked.variants[0], "/")
    gone = runtime.resolve(Variant(name="x", image=resolved.digest), "/")
    runtime.close()

    jit = [(o.clean, o.repetition) for o in outcomes if o.variant == "jit"]
    aot = [(o.clean, o.repetition) for o in outcomes if o.variant == "aot"]
    assert jit == [(True, 1), (True, 2), (False, 1)]
    assert aot == [(True, 1)]
    assert list(failures) == ["aot"]
    assert failures["aot"].code == FailureCode.FAILURE_CODE_BUILD
    assert resolved.digest == outcomes[-1].digest
    assert list(resolved.argv) == ["app", "wait"]
    assert now.digest == again[-1].digest != resolved.digest
    assert not now.HasField("failure")
    assert gone.HasField("failure")
    assert any(words.startswith("building jit") for words in said)


def test_a_host_whose_policy_allows_no_builds_builds_nothing(
    base: str, tmp_path: Path, state: Path
) -> None:
    asked = experiment(base, tmp_path / "context", jit=f'RUN ["app", "{MARK}"]')
    outcomes: list[BuildOutcome] = []
    built = build_variants(
        asked, 7, state, Policy(), outcomes.append, Cancellation(), lambda _words: None
    )

    assert outcomes == []
    assert built.failures["jit"].code == FailureCode.FAILURE_CODE_REFUSED_BY_POLICY
    assert "builds = true" in built.failures["jit"].message


@pytest.mark.parametrize("keep_going", [False, True])
def test_what_lacks_its_context_keeps_others_from_being_built_unless_the_plan_goes_on(
    base: str, tmp_path: Path, state: Path, keep_going: bool
) -> None:
    asked = experiment(base, tmp_path / "context", jit="ENV A=1", aot="ENV A=2")
    asked.variants[1].build.archive.sha256 = "1" * 64
    asked.plan.keep_going = keep_going
    outcomes: list[BuildOutcome] = []
    built = build_variants(
        asked, 7, state, Policy(builds=True), outcomes.append, Cancellation(), lambda _words: None
    )

    assert built.images.keys() == ({"jit"} if keep_going else set())
    assert {each.variant for each in outcomes} == built.images.keys()
    assert built.failures.keys() == {"jit", "aot"} - built.images.keys()
    assert {each.code for each in built.failures.values()} == {FailureCode.FAILURE_CODE_CONTEXT}
    assert "there is no collector to fetch it from" in built.failures["aot"].message
    assert not (state / "contexts").exists()


BUILDING_AGENT = """
import sys
from pathlib import Path
from headstart.agent.builds.build_all import build_variants
from headstart.agent.cancellation import Cancellation
from headstart.agent.policy.policy import Policy
from headstart.v1.experiment_pb2 import Experiment
from support.policies import everything_allowed

experiment = Experiment.FromString(bytes.fromhex(sys.argv[2]))
build_variants(experiment, 1, Path(sys.argv[1]), everything_allowed(),
               lambda _outcome: None, Cancellation(), lambda _words: None)
"""


def test_of_an_agent_killed_amid_a_build_nothing_is_left(
    base: str, tmp_path: Path, state: Path
) -> None:
    steps = f'ENV A=1\nENV B=2\nRUN ["app", "{MARK}", "wait"]'
    asked = experiment(base, tmp_path / "context", jit=steps)
    before = containers()
    with subprocess.Popen(
        [sys.executable, "-c", BUILDING_AGENT, state, asked.SerializeToString().hex()],
        cwd=Path(__file__).parents[2],  # where `support` is found
    ) as agent:
        try:
            wait_until(lambda: bool(processes()))
            wait_until(lambda: len(our_images(state / "builds")) == 2)
        finally:
            agent.kill()
    wait_until(lambda: processes() == [] and containers() <= before)
    left = our_images(state / "builds")
    removed = remove_leftovers(state)
    engine = BuildEngine()
    still = [image for image in left if engine.image_id(image)]
    engine.close()

    assert removed == [f"image {image}" for image in left]
    assert still == []
    assert not (state / "builds").exists()
