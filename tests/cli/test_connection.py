"""How commands find a collector, and that none speaks plaintext unasked."""

import asyncio
import contextlib
import os
import signal
import socket
import stat
import subprocess
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner

from headstart.cli import collector as collector_command
from headstart.cli.connection import Connection, collector_options, default_address
from headstart.cli.errors import CommandError, InputError
from headstart.cli.run_here import _cancel_abandoned
from headstart.v1.experiments_pb2 import RunState
from support.attending import attend, collecting, in_loop, run_of, submit
from support.certificates import self_signed
from support.running import HEADSTART, app, experiment, free_port, headstart, left_behind, run


@pytest.fixture
def user(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Somebody who is not root."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("HOME", "/home/u")
    return monkeypatch


def test_the_default_is_a_socket_that_only_its_owner_reaches(user: pytest.MonkeyPatch) -> None:
    assert default_address() == "unix:/home/u/.local/state/headstart/collector.sock"

    user.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    assert default_address() == "unix:/run/user/1000/headstart/collector.sock"

    user.setattr("os.geteuid", lambda: 0)
    assert default_address() == "unix:/run/headstart/collector.sock"


def test_a_home_too_long_for_a_socket_is_told(user: pytest.MonkeyPatch) -> None:
    user.setenv("HOME", "/" + "h" * 90)

    with pytest.raises(InputError, match=r"too long for the path of a socket.*--collector unix:"):
        default_address()


@pytest.mark.parametrize(
    ("connection", "message"),
    [
        (
            Connection("127.0.0.1:7070"),
            "is TCP: enroll first .*--tls-authority.* or say --plaintext",
        ),
        (Connection("c:1", authority=Path("a"), plaintext=True), "exclude each other"),
        (Connection("unix:/run/x", authority=Path("a")), "is a socket: it needs no"),
        (Connection("c:1", authority=Path("a"), key=Path("k")), "go together"),
        (Connection("c:1", certificate=Path("c"), key=Path("k")), "need --tls-authority"),
        (Connection("c:1", authority=Path("/nonexistent")), "/nonexistent: No such file"),
    ],
)
def test_options_that_do_not_go_together_are_told(connection: Connection, message: str) -> None:
    with pytest.raises(InputError, match=message):
        connection.tls()


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    own = self_signed(tmp_path)
    own.key.chmod(0o640 if os.geteuid() else 0o644)
    connection = Connection("c:1", False, own.certificate, own.certificate, own.key)

    with pytest.raises(InputError, match="others can read this private key"):
        connection.tls()


@pytest.mark.parametrize("connection", [Connection("unix:/x"), Connection("c:1", plaintext=True)])
def test_a_socket_needs_no_certificates_and_plaintext_was_asked_for(connection: Connection) -> None:
    assert connection.tls() is None


def test_a_command_gets_the_address_of_the_environment_or_of_the_option() -> None:
    @click.command
    @collector_options
    def command(collector: Connection) -> None:
        click.echo(f"{collector.target} {collector.plaintext}")

    runner = CliRunner()
    environment = {"HEADSTART_COLLECTOR": "unix:/e"}
    assert runner.invoke(command, env=environment).output == "unix:/e False\n"
    given = runner.invoke(command, ["--collector", "c:1", "--plaintext"], env=environment)
    assert given.output == "c:1 True\n"


def test_several_addresses_are_options_that_repeat_or_a_variable_with_commas() -> None:
    @click.command
    @collector_options
    def command(collector: Connection) -> None:
        click.echo(" ".join(collector.targets))

    runner = CliRunner()
    repeated = ["--collector", "c:1", "--collector", "d:1", "--plaintext"]
    assert runner.invoke(command, repeated).output == "c:1 d:1\n"
    environment = {"HEADSTART_COLLECTOR": "unix:/a folder/e, unix:/f"}
    assert runner.invoke(command, env=environment).output == "unix:/a folder/e unix:/f\n"


def test_a_socket_beside_ports_with_certificates_is_refused(tmp_path: Path) -> None:
    connection = Connection("c:1", authority=tmp_path / "a.pem", others=("unix:/x",))

    with pytest.raises(InputError, match="unix:/x is a socket"):
        connection.tls()


@in_loop
async def test_a_command_speaks_to_the_active_one_of_several_collectors(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector:
        with socket.create_server(("127.0.0.1", 0)) as frozen:
            silent = f"127.0.0.1:{frozen.getsockname()[1]}"
            active = f"127.0.0.1:{collector.port}"
            both = Connection(silent, plaintext=True, others=(active,))
            found = await asyncio.to_thread(both.reached)

            assert found.target == active
            assert found.others == (silent,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--insecure"], "--insecure is no more: --plaintext-anyone-can-submit"),
        (["--tls-certificate", "c", "--tls-key", "k"], "--tls-client-authority go together"),
        (["--metrics-tls"], "--metrics-tls needs certificates"),
    ],
)
def test_a_collector_that_lets_anyone_in_does_not_start(options: list[str], message: str) -> None:
    result = CliRunner().invoke(collector_command.command, options)

    assert isinstance(result.exception, CommandError)
    assert message in str(result.exception)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--listen", "collector"], "--listen collector: expected host:port, or unix:PATH"),
        (["--metrics-listen", "localhost:http"], "cannot be listened on: expected host:port"),
        (["--listen", "0.0.0.0:7070", "--plaintext-anyone-can-submit"], "leave --plaintext-anyone"),
    ],
)
def test_an_option_that_only_the_start_finds_wrong_is_wrong_input(
    tmp_path: Path, options: list[str], message: str
) -> None:
    listen = ["--listen", f"unix:{tmp_path / 'c.sock'}", "--metrics-listen", "none"]
    ran = headstart("collector", "--data", tmp_path, *listen, *options)

    assert (ran.status, message in ran.errors) == (2, True), ran.errors
    assert "Traceback" not in ran.errors


@in_loop
async def test_whatever_an_earlier_run_left_is_cancelled_before_an_agent_can_lease_it(
    tmp_path: Path,
) -> None:
    async with collecting(tmp_path / "data") as collector:
        async with attend(collector.port):
            # More than a List shows unless it is asked for more; the first one is leased.
            run_ids = [(await submit(collector.port))[0] for _ in range(105)]
        own = Connection(f"127.0.0.1:{collector.port}", plaintext=True)
        await asyncio.to_thread(_cancel_abandoned, own)
        states = [(await run_of(collector.port, run_id)).state for run_id in run_ids]

    assert set(states[1:]) == {RunState.RUN_STATE_CANCELLED}


def test_a_run_reaches_its_own_collector_past_every_proxy(tmp_path: Path) -> None:
    port = free_port()
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "grpc_proxy"), "http://127.0.0.1:9")
    ran = run(tmp_path, experiment(port, {"a": app(port), "b": app(port)}), env=proxies)

    assert ran.status == 0, ran.errors


def test_a_run_listens_on_no_port_even_where_its_data_is_deep(
    tmp_path: Path, short_path: Path
) -> None:
    port = free_port()
    deep = tmp_path / ("d" * 60) / ("d" * 60)
    deep.mkdir(parents=True)
    ran = run(
        deep,
        experiment(port, {"a": app(port), "b": app(port)}),
        env={"XDG_RUNTIME_DIR": str(short_path)},
    )

    assert ran.status == 0, ran.errors
    assert list(short_path.iterdir()) == []
    assert left_behind(deep) == []


def test_a_collector_that_is_not_there_is_named(tmp_path: Path) -> None:
    status = headstart("status", "--collector", f"unix:{tmp_path / 'none.sock'}")

    assert status.status == 3
    assert f"no collector answers at unix:{tmp_path / 'none.sock'}: No such file" in status.errors
    assert "`headstart collector` makes the socket" in status.errors


def test_where_nobody_listens_is_said_without_the_names_of_grpc() -> None:
    port = free_port()
    status = headstart("status", "--collector", f"127.0.0.1:{port}", "--plaintext")

    assert status.errors == (
        f"headstart: no collector answers at 127.0.0.1:{port}: Connection refused\n"
    )


def test_where_nobody_listens_each_of_several_is_named() -> None:
    one, two = (f"127.0.0.1:{free_port()}" for _ in range(2))
    status = headstart("status", "--collector", one, "--collector", two, "--plaintext")

    assert status.errors == (
        f"headstart: no collector answers at {one}: Connection refused; {two}: Connection refused\n"
    )


def test_an_address_without_a_port_is_told_and_not_asked_at_another() -> None:
    for said in ("localhost", "::1", "h:0", "h:99999"):
        status = headstart("status", "--collector", said, "--plaintext")

        assert status.status == 2
        expected = f"expected HOST:PORT, [IPV6]:PORT or unix:PATH, found '{said}'"
        assert f"--collector: {expected}" in status.errors


def _tree(pid: int) -> set[int]:
    """A process and its descendants."""
    found = {pid}
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found |= _tree(int(child))
    return found


def _listening(pids: set[int]) -> tuple[set[int], set[str]]:
    """TCP ports and unix sockets on which these processes listen."""
    held = set()
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                held.add(str(link.readlink()))
    ports = {
        int(fields[1].rpartition(":")[2], 16)
        for table in ("tcp", "tcp6")
        for fields in map(str.split, Path("/proc/net", table).read_text().splitlines()[1:])
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in held
    }
    # Flags 00010000: it accepts connections; see unix(7) and net/unix/af_unix.c.
    sockets = {
        fields[7] if len(fields) > 7 else ""
        for fields in map(str.split, Path("/proc/net/unix").read_text().splitlines()[1:])
        if fields[3] == "00010000" and f"socket:[{fields[6]}]" in held
    }
    return ports, sockets


def test_during_a_run_only_its_own_user_reaches_what_leads_to_the_collector(
    tmp_path: Path,
) -> None:
    port = free_port()
    file = tmp_path / "experiment.yaml"
    content = experiment(port, {"a": app(port), "b": app(port)}, plan={"idle": "60s"})
    file.write_text(yaml.safe_dump(content))
    with subprocess.Popen(
        [HEADSTART, "run", file, "--data", tmp_path / "data"], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert any(": idle" in line for line in process.stderr)
        ports, sockets = _listening(_tree(process.pid))
        # The machine's lock: whoever connects there learns who measures, and nothing else.
        sockets.discard("@headstart-measures")
        modes = [stat.S_IMODE(Path(path).parent.stat().st_mode) for path in sockets]
        process.send_signal(signal.SIGINT)
        process.stderr.read()

    # The measured app's own, where it shares the network of the host.
    assert ports <= {port}
    assert sockets == {str(tmp_path / "data" / "collector" / "collector.sock")}
    assert modes == [0o700]
