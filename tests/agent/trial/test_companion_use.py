"""Runs of an app with a database beside it: what is recorded, and whose fault a failure is."""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import docker
import pytest

from headstart.agent.cancellation import Cancellation
from headstart.agent.engine.engine import Engine
from headstart.agent.instances import LABEL_STATE, state_id
from headstart.agent.policy.policy import Policy
from headstart.agent.run import execute
from headstart.agent.runtimes.docker_runtime import DockerRuntime
from headstart.agent.runtimes.process_runtime import ProcessRuntime
from headstart.agent.runtimes.runtime import RuntimeTable
from headstart.agent.trial.tools import Tools
from headstart.agent.uplink.held_runs import HeldRun
from headstart.agent.uplink.spool import Spool
from headstart.v1.experiment_pb2 import (
    Check,
    Command,
    CommandCheck,
    CompanionLife,
    CompanionReady,
    Experiment,
    HttpCheck,
    HttpRequest,
    Network,
    Seed,
    Variant,
)
from headstart.v1.host_pb2 import HostFacts
from headstart.v1.records_pb2 import FailureCode, RunStatus
from support.beside import companion_image, database, experiment_beside
from support.policies import everything_allowed
from support.spools import KeptSpool
from support.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.compiler, pytest.mark.root]

SEED = Seed(argv=["app", "put=5432"], input=b"players")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with companion_image(tmp_path_factory.mktemp("app"), "beside-runs") as name:
        yield name


def ran(
    tmp_path: Path,
    experiment: Experiment,
    policy: Policy | None = None,
    held: HeldRun | None = None,
) -> KeptSpool:
    """What an agent records of a run; nothing of its containers is left."""
    policy = policy or everything_allowed()
    spool = KeptSpool(tmp_path / "spool")

    def runtimes(cancelled: Cancellation) -> RuntimeTable:
        made: dict[str, Any] = {
            "docker": DockerRuntime.connect(tmp_path, policy, cancelled),
            "process": ProcessRuntime(tmp_path, policy, cancelled),
        }
        return RuntimeTable(made)

    tools = Tools(spool, runtimes, lambda _server, _load: HostFacts(host="here"), True)
    held = held or HeldRun("beside", 1, experiment, lambda _: None, Cancellation())
    execute(held, tools)
    Spool.close(spool)
    with closing(Engine.connect()) as engine:
        assert engine.labelled(LABEL_STATE, state_id(tmp_path)) == {}
    return spool


def outcomes(spool: KeptSpool) -> list[Any]:
    found = [each.trial_outcome for each in spool.records]
    return [each for each in found if each.trial]


def test_each_trial_has_its_own_companions_and_their_figures_apart(
    image: str, tmp_path: Path
) -> None:
    players = HttpCheck(request=HttpRequest(method="GET", target="/"), body_pattern="^players$")
    writes = HttpCheck(request=HttpRequest(method="GET", target="/written"), body_pattern="written")
    experiment = experiment_beside(image, database(image, seed=SEED), blocks=2)
    experiment.service.ready.http.CopyFrom(players)
    experiment.service.checks.append(Check(name="writes", http=writes))
    spool = ran(tmp_path, experiment)
    (started,) = [each.run_started for each in spool.records if each.run_started.variants]
    done = outcomes(spool)

    assert [trial.failure.message for trial in done] == [""] * 4
    assert [trial.checks_passed for trial in done] == [1] * 4
    assert [each.variant for each in started.others] == ["beside.db"]
    assert started.others[0].digest.startswith("sha256:")
    for trial in done:
        (use,) = trial.beside
        assert use.name == "db"
        assert use.ready_seconds > 0
        assert use.cpu_seconds > 0
        assert use.memory_bytes > 0
    # The clock of the app begins when what stands beside it is ready.
    assert all(t.startup.create_monotonic_ns > t.started_monotonic_ns + 1e6 for t in done)


def test_a_companion_that_ends_in_the_middle_fails_the_trial_and_not_the_app(
    image: str, tmp_path: Path
) -> None:
    die = HttpCheck(request=HttpRequest(method="GET", target="/!"), status=500)
    experiment = experiment_beside(image, database(image, "out=no disk", "keep=5432"))
    experiment.service.checks.append(Check(name="makes it end", http=die))
    done = outcomes(ran(tmp_path, experiment))

    assert [trial.failure.code for trial in done] == [FailureCode.FAILURE_CODE_COMPANION] * 2
    assert done[0].failure.message == (
        "the companion 'db' ended with status 3 in the middle; last output 'no disk'"
    )
    assert all(trial.startup.first_correct_response_monotonic_ns for trial in done)


@pytest.mark.parametrize(
    "life", [CompanionLife.COMPANION_LIFE_TRIAL, CompanionLife.COMPANION_LIFE_RUN]
)
def test_a_companion_that_loses_a_process_to_its_memory_limit_fails_the_trial_and_not_the_app(
    image: str, tmp_path: Path, life: CompanionLife.ValueType
) -> None:
    """It lives on, as a database does that lost one of its backends."""
    eat = HttpCheck(request=HttpRequest(method="GET", target="/+"), status=500)
    db = database(image, memory_limit_bytes=32 << 20, life=life)
    experiment = experiment_beside(image, db)
    experiment.service.checks.append(Check(name="makes it eat", http=eat))
    done = outcomes(ran(tmp_path, experiment))

    assert [trial.failure.code for trial in done] == [FailureCode.FAILURE_CODE_COMPANION] * 2
    assert done[0].failure.message == (
        "the companion 'db' lost a process in the middle, which the kernel killed for want of"
        " memory: give it more (beside.db.memory); it wrote nothing"
    )
    # One of the run that lost something is no longer what the next trial expects.
    assert [trial.beside[0].oom_kills for trial in done] == [1, 1]
    assert all(trial.beside[0].ready_seconds > 0 for trial in done)


def test_an_app_that_cannot_start_since_its_companion_ended_is_not_at_fault(
    image: str, tmp_path: Path
) -> None:
    """It ends while the app is waited for, which is never ready without it."""
    experiment = experiment_beside(image, database(image))
    experiment.service.startup_timeout_seconds = 1
    experiment.service.ready.http.request.target = "/!"
    done = outcomes(ran(tmp_path, experiment))

    assert [trial.failure.code for trial in done] == [FailureCode.FAILURE_CODE_COMPANION] * 2


def test_a_companion_that_is_never_ready_is_told_once_a_trial(image: str, tmp_path: Path) -> None:
    never = CompanionReady(port=9, timeout_seconds=0.2)
    experiment = experiment_beside(image, database(image, ready=never), blocks=3)
    spool = ran(tmp_path, experiment)
    done = outcomes(spool)

    assert {trial.failure.code for trial in done} == {FailureCode.FAILURE_CODE_COMPANION}
    # Nobody waits for it for ever.
    assert len(done) == 4
    assert "did not listen on port 9 within 0.2 s" in done[0].failure.message
    notes = {each.event.text for each in spool.records if "not tried" in each.event.text}
    assert notes == {
        f"{name} is not tried again: what stands beside it failed 2 times in a row" for name in "ab"
    }


def test_the_executions_of_a_batch_program_have_their_companion_too(
    image: str, tmp_path: Path
) -> None:
    ask = CommandCheck(argv=["ask=5432"], output_pattern="^players$", timeout_seconds=20)
    experiment = experiment_beside(image, database(image, seed=SEED))
    experiment.service.port = 0
    experiment.service.ready.command.CopyFrom(ask)
    experiment.service.checks.append(Check(name="again", command=ask))
    for variant in experiment.variants:
        variant.entrypoint[:] = ["app"]
    done = outcomes(ran(tmp_path, experiment))

    assert [(t.failure.message, t.checks_passed) for t in done] == [("", 1)] * 2
    assert [use.name for trial in done for use in trial.beside] == ["db", "db"]


def test_a_run_that_is_cancelled_while_it_waits_for_one_leaves_nothing(
    image: str, tmp_path: Path
) -> None:
    waits = database(image, "wait", ready=CompanionReady(log_pattern="never", timeout_seconds=600))
    experiment = experiment_beside(image, waits)
    held = HeldRun("beside", 1, experiment, lambda _: None, Cancellation())

    def cancel() -> None:
        with closing(docker.APIClient()) as client:
            wait_until(
                lambda: any("-beside-db" in each["Names"][0] for each in client.containers())
            )
        held.cancelled.set()

    cancelling = threading.Thread(target=cancel)
    cancelling.start()
    spool = ran(tmp_path, experiment, held=held)
    cancelling.join()

    assert spool.records[-1].run_outcome.status == RunStatus.RUN_STATUS_CANCELLED


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "memory": ({"memory_limit_bytes": 1 << 40}, "'db': it asks for a memory limit of 1 TiB"),
    "cpus": ({"cpus": "900"}, "'db': this host has no CPU 900 for it"),
    "cpus that are none": ({"cpus": "x"}, "cpus of the companion 'db' is 'x'; CPU numbers such as"),
    "cpu_limit": ({"cpu_limit": 900.0}, "'db': it asks for 900 CPUs, this host has"),
    "ready": ({"ready": CompanionReady(log_pattern="(")}, "the pattern /(/ of 'db'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_host_cannot_give_is_told_before_anything_is_started(
    image: str, tmp_path: Path, name: str
) -> None:
    fields, words = REFUSED[name]
    last = (
        ran(tmp_path, experiment_beside(image, database(image, **fields))).records[-1].run_outcome
    )

    assert last.status == RunStatus.RUN_STATUS_FAILED
    assert words in last.reason
    assert last.trials == 0


def test_an_image_that_is_missing_or_refused_stops_the_run_though_it_would_keep_going(
    image: str, tmp_path: Path
) -> None:
    experiment = experiment_beside(image, database("postgres:nowhere"), keep_going=True)
    missing = ran(tmp_path, experiment).records[-1].run_outcome
    policy = Policy(images=("headstart-test:*",))
    refused = ran(tmp_path, experiment, policy).records[-1].run_outcome

    assert (missing.trials, refused.trials) == (0, 0)
    assert "beside.db" in missing.reason
    assert "postgres:nowhere" in missing.reason
    assert "does not allow image postgres:nowhere" in refused.reason


def test_companions_stand_beside_no_command_and_in_no_network_of_the_host(
    image: str, tmp_path: Path
) -> None:
    commands = experiment_beside(image, database(image))
    commands.variants[0].CopyFrom(Variant(name="a", command=Command(argv=["/bin/true"])))
    in_host = experiment_beside(image, database(image), network=Network.NETWORK_HOST)
    reasons = [ran(tmp_path, each).records[-1].run_outcome.reason for each in (commands, in_host)]

    assert "a is a command, a process of the host: companions stand beside" in reasons[0]
    assert "plan.network must be own or bridge" in reasons[1]
