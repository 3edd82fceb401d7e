"""HEADSTART_* in the environment."""

import socket
import threading
from pathlib import Path

import click
import pytest

from headstart.cli.environment import unknown
from headstart.cli.main import COMMANDS, cli
from support.running import free_port, headstart


def loaded(name: str) -> click.Command:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    return command


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_the_variable_that_its_long_form_says(name: str) -> None:
    for option in loaded(name).params:
        if isinstance(option, click.Option):
            long = max(option.opts, key=len).removeprefix("--").replace("-", "_").upper()
            expected = f"HEADSTART_{name.upper()}_{long}"
            shared = long in ("COLLECTOR", "IDENTITY")
            assert option.envvar == (f"HEADSTART_{long}" if shared else expected)


def test_a_command_below_another_has_its_name_too() -> None:
    group = loaded("token")
    assert isinstance(group, click.Group)
    (option,) = (each for each in group.commands["create"].params if each.name == "expires")

    assert option.envvar == "HEADSTART_TOKEN_CREATE_EXPIRES"
    assert unknown(["HEADSTART_TOKEN_CREATE_EXPIRES"], "token", group) == {}


def test_a_variable_that_nothing_reads_is_warned_of_once_with_the_nearest() -> None:
    env = {
        "HEADSTART_SCHEMA_X": "1",
        "HEADSTART_COLECTOR": "unix:/x",
        "HEADSTART_RUN_NONSENSE": "1",
    }
    ran = headstart("schema", env=env)

    assert ran.status == 0
    assert ran.errors.count("HEADSTART_COLECTOR") == 1
    assert "did you mean HEADSTART_COLLECTOR?" in ran.errors
    assert "HEADSTART_SCHEMA_X is no variable that is read" in ran.errors
    assert "HEADSTART_RUN_NONSENSE" not in ran.errors


def test_the_nearest_option_is_named() -> None:
    found = unknown(["HEADSTART_RUN_DTA", "HEADSTART_RUN_DATA", "OTHER"], "run", loaded("run"))

    assert found == {"HEADSTART_RUN_DTA": "HEADSTART_RUN_DATA"}


def test_a_flag_is_set_by_its_long_form(tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("experiment: x\n")
    ran = headstart("check", file, env={"HEADSTART_CHECK_JSON": "1"})

    assert ran.output.startswith("{")


def test_only_the_proxy_that_is_named_for_it_is_asked() -> None:
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            client, _ = server.accept()
            with client:
                asked.append(client.recv(1000))
                client.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        proxy = f"http://127.0.0.1:{server.getsockname()[1]}"
        where = ("status", "--plaintext", "--collector", f"192.0.2.1:{free_port()}")
        ran = headstart(*where, env={"HEADSTART_PROXY": proxy})
        thread.join(20)

    assert ran.status == 3
    assert asked
    assert asked[0].startswith(b"CONNECT 192.0.2.1:")


def test_a_proxy_that_is_none_is_told() -> None:
    ran = headstart("status", "--collector", "unix:/x", env={"HEADSTART_PROXY": "proxy"})

    assert ran.status == 2
    assert "HEADSTART_PROXY is 'proxy'; expected http://HOST:PORT" in ran.errors
