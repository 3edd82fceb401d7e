"""Processes without an engine: from the gate to their end, with and without a control group."""

import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headstart.agent.instances import RuntimeFault, mark_entry, state_id
from headstart.agent.policy.policy import Policy
from headstart.agent.runtimes.members import is_running, marked
from headstart.agent.runtimes.process_cgroup import CgroupParent
from headstart.agent.runtimes.process_runtime import ProcessRuntime
from headstart.v1.experiment_pb2 import Command, Variant
from headstart.v1.records_pb2 import FailureCode, ResolvedVariant
from support.instances import (
    answer_of,
    end_of,
    free_port,
    line_of,
    output_with,
    owner,
    spec_for,
)
from support.policies import everything_allowed
from support.waiting import wait_until

WAIT = "import signal; signal.pause()"
# A daemon as of old: two forks and a session of its own between them.
DAEMON = """
import os, signal
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print("daemon", os.getpid(), flush=True)
        signal.pause()
    os._exit(0)
os.wait()
signal.pause()
"""


@pytest.fixture(params=["control group", "no control group"])
def runtime(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ProcessRuntime]:
    """A runtime of a state folder of its own, of which nothing is left at the end."""
    if request.param == "no control group":
        monkeypatch.setattr(CgroupParent, "open", lambda _name: None)
    elif os.geteuid() != 0:
        pytest.skip("not root: no control group can be made")
    runtime = ProcessRuntime(tmp_path, everything_allowed())
    yield runtime
    runtime.close()

    assert left_of(tmp_path) == []


def left_of(state: Path) -> list[str]:
    """Processes, control groups and folders of the instances of a state folder."""
    name = f"headstart-{state_id(state)}"
    groups = [str(path) for path in Path("/sys/fs/cgroup").glob(f"**/{name}")]
    processes = [f"pid {pid}" for pid in marked(mark_entry(state_id(state)))]
    return processes + groups + [str(path) for path in (state / "processes").glob("*")]


def python(runtime: ProcessRuntime, code: str, **variant: object) -> ResolvedVariant:
    command = Command(argv=[sys.executable, "-c", code])
    return runtime.resolve(Variant(name="app", command=command, **variant), "/")  # type: ignore[arg-type]  # fields of Variant


def test_the_app_starts_when_the_gate_opens_and_not_before(runtime: ProcessRuntime) -> None:
    app = python(runtime, "print('hello', flush=True); " + WAIT)
    instance = runtime.create(spec_for(app))
    before = (instance.pids(), instance.exec_ns(), instance.output_tail(), instance.exited())
    opened_ns = instance.open_gate()
    output = output_with(instance, "hello")
    exec_ns, pids = instance.exec_ns(), instance.pids()
    instance.stop()

    assert before == ([instance.pid], None, "", None)
    assert instance.create_ns < instance.start_call_ns < instance.engine_ready_ns < opened_ns
    assert exec_ns is not None
    assert exec_ns > opened_ns
    assert output == "hello\n"
    assert pids == [instance.pid]


def test_a_process_gets_only_the_environment_that_is_recorded(
    runtime: ProcessRuntime, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SECRET", "of the agent")
    code = f"import os; print(sorted(os.environ), os.getcwd(), flush=True); {WAIT}"
    app = python(runtime, code, environment={"GREETING": "hello"})
    elsewhere = Command(argv=[sys.executable, "-c", code], working_directory=str(tmp_path))
    other = runtime.resolve(Variant(name="other", command=elsewhere), "/")
    outputs = []
    for trial, variant in enumerate((app, other), 1):
        instance = runtime.create(spec_for(variant, trial=trial))
        instance.open_gate()
        outputs.append(output_with(instance, "\n"))
        instance.stop()
    minimal = "'HEADSTART_INSTANCE', 'HOME', 'LANG'"

    assert set(app.environment) == {"PATH", "HOME", "LANG", "GREETING"}
    # LC_CTYPE: Python sets it itself under a C locale.
    assert outputs[0].startswith(f"['GREETING', {minimal}, ")
    assert outputs[0].endswith("] /\n")
    assert outputs[1].startswith(f"[{minimal}, ")
    assert outputs[1].endswith(f"] {tmp_path}\n")
    assert "SECRET" not in outputs[0]


def test_an_app_that_ends_leaves_its_status_and_its_last_words(runtime: ProcessRuntime) -> None:
    code = "import sys; print('working', flush=True); sys.exit('no such table: players')"
    instance = runtime.create(spec_for(python(runtime, code)))
    instance.open_gate()
    facts, tail, pids = end_of(instance), instance.output_tail(), instance.pids()
    instance.stop()

    assert (facts.status, facts.oom_killed) == (1, False)
    assert tail == "working\nno such table: players\n"
    assert instance.output_tail(limit_bytes=8) == "players\n"
    assert pids == []


def test_an_app_that_a_signal_ends_has_the_status_of_a_shell(runtime: ProcessRuntime) -> None:
    instance = runtime.create(spec_for(python(runtime, WAIT)))
    instance.open_gate()
    os.kill(instance.pid, signal.SIGTERM)
    facts = end_of(instance)
    instance.stop()

    assert (facts.status, facts.oom_killed) == (128 + signal.SIGTERM, False)


def test_a_program_that_cannot_be_executed_is_named(
    runtime: ProcessRuntime, tmp_path: Path
) -> None:
    program = tmp_path / "program"
    program.write_text("#!/nowhere/interpreter\n")
    program.chmod(0o755)
    app = runtime.resolve(Variant(name="app", command=Command(argv=[str(program)])), "/")
    instance = runtime.create(spec_for(app))
    instance.open_gate()
    facts, tail = end_of(instance), instance.output_tail()
    instance.stop()

    assert facts.status == 127
    assert tail == f"gate: exec of {program} failed: No such file or directory\n"


def test_a_flood_of_output_keeps_only_its_end(runtime: ProcessRuntime) -> None:
    code = f"for n in range(200_000): print(f'{{n:063d}}')\nprint('over', flush=True)\n{WAIT}"
    instance = runtime.create(spec_for(python(runtime, code)))
    instance.open_gate()
    tail = output_with(instance, "over")
    kept = len(instance.output_tail(limit_bytes=1 << 30))
    instance.stop()

    assert tail.endswith("0199999\nover\n")
    assert len(tail) == 16384
    assert kept <= 128 << 10


def test_output_after_the_end_of_the_agents_patience_is_whole(runtime: ProcessRuntime) -> None:
    """What is written just before the end is there as soon as the end is seen."""
    code = "import os; os.write(1, b'x' * 50_000 + b'\\nlast\\n'); os._exit(7)"
    for trial in range(1, 4):
        instance = runtime.create(spec_for(python(runtime, code), trial=trial))
        instance.open_gate()
        facts, tail = end_of(instance), instance.output_tail()
        instance.stop()

        assert facts.status == 7
        assert tail.endswith("xxx\nlast\n")


def test_children_belong_to_it_even_daemons_and_die_with_it(runtime: ProcessRuntime) -> None:
    instance = runtime.create(spec_for(python(runtime, DAEMON)))
    instance.open_gate()
    daemon = int(output_with(instance, "daemon").split()[1])
    wait_until(lambda: len(instance.pids()) == 2)
    pids = instance.pids()
    instance.stop()

    assert pids == [instance.pid, daemon]
    assert not is_running(daemon)


def test_children_die_with_it_also_when_it_ended_before_them(runtime: ProcessRuntime) -> None:
    code = DAEMON.replace("os.wait()\nsignal.pause()", "os.wait()")
    instance = runtime.create(spec_for(python(runtime, code)))
    instance.open_gate()
    daemon = int(output_with(instance, "daemon").split()[1])
    end_of(instance)
    alive = is_running(daemon)
    instance.stop()

    assert alive
    assert not is_running(daemon)


def test_it_runs_on_the_cpus_of_the_plan_alone(runtime: ProcessRuntime) -> None:
    code = f"import os; print(os.sched_getaffinity(0), flush=True); {WAIT}"
    instance = runtime.create(spec_for(python(runtime, code), server_cpus="0"))
    instance.open_gate()
    output = output_with(instance, "\n")
    instance.stop()
    with pytest.raises(RuntimeFault) as fault:
        runtime.create(spec_for(python(runtime, WAIT), server_cpus="4000"))

    assert output == "{0}\n"
    assert "pins the server to CPUs [4000], this agent may use [0" in fault.value.message


def test_limits_that_do_not_hold_are_noted(
    runtime: ProcessRuntime, request: pytest.FixtureRequest
) -> None:
    app = python(runtime, WAIT)
    unlimited = runtime.create(spec_for(app))
    limited = runtime.create(spec_for(app, trial=2, memory_limit_bytes=64 << 20))
    notes = (list(unlimited.notes), list(limited.notes))
    unlimited.stop()
    limited.stop()

    assert notes[0] == []
    assert len(notes[1]) == ("no control group" in request.node.name)


def test_a_crash_leaves_no_core_file(runtime: ProcessRuntime, tmp_path: Path) -> None:
    folder = tmp_path / "app"
    folder.mkdir()
    command = Command(
        argv=[sys.executable, "-c", "import os; os.abort()"], working_directory=str(folder)
    )
    app = runtime.resolve(Variant(name="app", command=command), "/")
    instance = runtime.create(spec_for(app))
    limit = resource.prlimit(instance.pid, resource.RLIMIT_CORE)
    instance.open_gate()
    facts = end_of(instance)
    instance.stop()

    assert limit == (0, 0)
    assert facts.status == 128 + signal.SIGABRT
    assert list(folder.iterdir()) == []


@pytest.mark.root
@pytest.mark.parametrize("runtime", ["control group"], indirect=True)
def test_its_control_group_holds_its_limits(runtime: ProcessRuntime) -> None:
    code = f"import mmap; print(bytes(mmap.mmap(-1, 256 << 20))[:0], flush=True); {WAIT}"
    plan: dict[str, Any] = {"memory_limit_bytes": 64 << 20, "cpu_limit": 0.5}
    instance = runtime.create(spec_for(python(runtime, code), **plan))
    cgroup = instance.cgroup
    assert cgroup is not None
    assert cgroup.memory is not None
    name = {1: "memory.limit_in_bytes", 2: "memory.max"}[cgroup.version]
    limit = int((cgroup.memory / name).read_text())
    instance.open_gate()
    facts = end_of(instance)
    instance.stop()

    assert limit == 64 << 20
    assert (facts.status, facts.oom_killed) == (137, True)
    assert not cgroup.memory.exists()


def test_a_port_in_use_is_found_before_the_process_is_made(runtime: ProcessRuntime) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(RuntimeFault) as fault:
            runtime.create(spec_for(python(runtime, WAIT), port=port))

    assert fault.value.code == FailureCode.FAILURE_CODE_PORT_IN_USE
    assert f"port {port} " in fault.value.message
    assert f"(pid {os.getpid()})" in fault.value.message


def test_the_port_of_one_trial_is_free_for_the_next(runtime: ProcessRuntime) -> None:
    port = free_port()
    code = (
        f"import socket; server = socket.create_server(('', {port}))\n"
        "while True: server.accept()[0].sendall(b'hello')"
    )
    answers = []
    for trial in (1, 2, 3):
        instance = runtime.create(spec_for(python(runtime, code), trial=trial, port=port))
        instance.open_gate()
        answers.append(answer_of(instance, port))
        instance.stop()

    assert answers == [b"hello"] * 3


def test_stop_may_be_called_again(runtime: ProcessRuntime) -> None:
    instance = runtime.create(spec_for(python(runtime, WAIT)))
    instance.stop()
    instance.stop()
    facts = instance.exited()

    assert facts is not None
    assert facts.status == 137
    assert (instance.pids(), instance.exec_ns(), instance.output_tail()) == ([], None, "")


def test_a_name_in_use_is_a_fault_that_harms_nobody(runtime: ProcessRuntime) -> None:
    first = runtime.create(spec_for(python(runtime, WAIT)))
    with pytest.raises(RuntimeFault) as fault:
        runtime.create(spec_for(python(runtime, WAIT)))
    lives = first.exited() is None
    first.open_gate()
    wait_until(lambda: first.exec_ns() is not None)
    first.stop()

    assert fault.value.code == FailureCode.FAILURE_CODE_AGENT
    assert lives


def test_commands_are_refused_where_the_policy_does_not_allow_them(tmp_path: Path) -> None:
    variant = Variant(name="app", command=Command(argv=["/bin/true"]))
    failure = ProcessRuntime(tmp_path, Policy.default()).resolve(variant, "/").failure

    assert failure.code == FailureCode.FAILURE_CODE_REFUSED_BY_POLICY
    assert "app is a command" in failure.message
    assert "commands = false" in failure.message


def test_a_program_that_changes_during_the_run_is_noticed(
    runtime: ProcessRuntime, tmp_path: Path
) -> None:
    program = tmp_path / "server.py"
    program.write_text(WAIT)
    command = Command(argv=[sys.executable, "server.py"], working_directory=str(tmp_path))
    app = runtime.resolve(Variant(name="app", command=command), "/")
    runtime.create(spec_for(app)).stop()
    program.write_text("print('another program')")
    with pytest.raises(RuntimeFault) as fault:
        runtime.create(spec_for(app))
    again = runtime.resolve(Variant(name="app", command=command), "/")

    assert fault.value.message.startswith(f"{program} changed during the run")
    assert again.digest != app.digest


def test_a_killed_agents_processes_are_removed_at_its_next_start(
    runtime: ProcessRuntime, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    kind = "process" if "[control group]" in request.node.name else "process without groups"
    daemon = tmp_path / "daemon.py"
    daemon.write_text(DAEMON)
    other = tmp_path / "other"
    waiting = f"{sys.executable} -c {WAIT.replace(' ', chr(9))}"
    with (
        owner(kind, tmp_path, waiting, f"{sys.executable} {daemon}") as killed,
        owner(kind, other, waiting) as alive,
    ):
        pids = [int(pid) for pid in line_of(killed).split()[1:]]
        other_pid = int(line_of(alive).split()[1])
        wait_until(lambda: len(marked(mark_entry(state_id(tmp_path)))) == 3)
        killed.kill()
        killed.wait()
        names = runtime.remove_orphans()
        again = runtime.remove_orphans()
        other_lives = is_running(other_pid)
        alive.send_signal(signal.SIGINT)
        alive.wait()

    run = state_id(tmp_path)
    assert names == [f"headstart-{run}-1-t1", f"headstart-{run}-1-t2"]
    assert again == []
    assert not any(is_running(pid) for pid in pids)
    assert other_lives
    assert left_of(other) == []


# An instance takes some 20 ms; each of these cuts it at another step.
@pytest.mark.parametrize("seconds", [0.0, 0.004, 0.01, 0.03])
def test_ctrl_c_leaves_nothing_whenever_it_comes(tmp_path: Path, seconds: float) -> None:
    command = f"{sys.executable} -c {WAIT.replace(' ', chr(9))}"
    with owner("process", tmp_path, command, command) as process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
        process.wait()

    assert left_of(tmp_path) == []
