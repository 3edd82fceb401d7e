"""`headstart revoke`, `identities` and `audit`, and what a refused command says."""

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from headstart.agent.uplink import stream as agent_stream
from headstart.agent.uplink.collector_addresses import Addresses
from headstart.agent.uplink.collector_tls import ClientTls
from headstart.agent.uplink.held_runs import HeldRuns
from headstart.agent.uplink.spool import Spool
from headstart.agent.uplink.stream import Attendance
from headstart.cli import collector as collector_command
from headstart.cli.errors import InputError
from headstart.v1.host_pb2 import HostFacts, Policy
from support.attending import in_loop
from support.certificates import Authority, Certificate, roles_file
from support.headstart_programs import program
from support.roles import BENCH, OPERATOR, READER, Guarded, guarded
from support.running import Ran, free_port, headstart


async def said(door: Guarded, *arguments: str, by: str = "") -> Ran:
    """What a command does and says: by the certificate of a name, or by the socket."""
    where = ["--collector", door.socket]
    if by:
        own = door.issue(by)
        where = ["--collector", f"localhost:{door.collector.port}"]
        where += ["--tls-authority", str(door.authority.certificate)]
        where += ["--tls-certificate", str(own.certificate), "--tls-key", str(own.key)]
    return await asyncio.to_thread(headstart, *arguments, *where)


@in_loop
async def test_a_person_is_let_in_revoked_listed_and_let_in_again(tmp_path: Path) -> None:
    async with guarded(tmp_path) as door:
        assert (await said(door, "status", by=READER)).status == 0

        refused = await said(door, "audit", by=READER)
        assert refused.status == 2
        assert refused.errors == (
            "headstart: 'bob@example.com' has the role 'reader' and may not call ListAudit, which "
            "takes the role 'operator'. Whoever keeps the collector writes operator = "
            f'["bob@example.com"] into {door.roles}, which holds at once\n'
        )

        revoked = await said(door, "revoke", READER, "--reason", "left us", by=OPERATOR)
        assert revoked.output == "'bob@example.com' is refused from now on\n"
        again = await said(door, "status", by=READER)
        assert (again.status, again.errors) == (
            2,
            "headstart: the certificate of 'bob@example.com' was revoked: left us\n",
        )

        listed = (await said(door, "identities")).output.splitlines()
        assert [line.partition(",")[0] for line in listed] == [
            "alice@example.com: operator",
            "bob@example.com: reader",
        ]
        assert "revoked 2" in listed[1]
        assert "by alice@example.com (ipv" in listed[1]
        assert "(left us)" in listed[1]
        assert all(re.search(r", until [-0-9]+ [:0-9]+ UTC, ", line) for line in listed)
        assert re.search(r", revoked [-0-9]+ [:0-9]+ UTC by ", listed[1])

        audit = (await said(door, "audit", "--since", "1h")).output.splitlines()
        assert ["[" + line.partition("[")[2].partition("]")[0] + "]" for line in audit] == [
            "[reader]",
            "[operator]",
            "[reader]",
        ]
        assert audit[1].endswith(": revoke bob@example.com: done (left us)")
        assert all(re.match(r"[-0-9]+ [:0-9]+ UTC  ", line) for line in audit)
        entries = json.loads((await said(door, "audit", "--who", OPERATOR, "--json")).output)
        assert [each["action"] for each in entries["entries"]] == ["revoke"]

        back = await said(door, "revoke", READER, "--take-back")
        assert back.status == 0
        assert "comes back within 5 minutes, or when it is restarted" in back.errors
        assert (await said(door, "status", by=READER)).status == 0


@in_loop
async def test_what_nobody_has_is_refused_all_the_same_and_said(tmp_path: Path) -> None:
    async with guarded(tmp_path) as door:
        nobody = await said(door, "revoke", "carol@example.com")
        assert nobody.status == 0
        assert "nobody has shown such a certificate yet" in nobody.errors
        assert "carol@example.com: role not known" in (await said(door, "identities")).output

        number = await said(door, "revoke", "00:de:ad:be:ef:00")
        assert number.output == "the certificate 00:de:ad:be:ef:00 is refused from now on\n"
        assert "nobody has shown such a certificate yet" in number.errors

        twice = await said(door, "revoke", "dave", "--take-back")
        assert twice.status == 2
        assert "dave is not revoked" in twice.errors

        since = await said(door, "audit", "--since", "yesterday")
        assert since.status == 2
        assert "expected a time such as 30m" in since.errors


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        (
            "operator = 7\nking = []\n",
            True,
            ["line 1: operator: expected", "line 2: king: unknown"],
        ),
        ("operator = []\n", False, ["--roles is about certificates"]),
    ],
)
def test_a_collector_with_a_wrong_file_of_roles_does_not_start(
    tmp_path: Path, text: str, options: bool, words: list[str]
) -> None:
    path = tmp_path / "roles.toml"
    path.write_text(text)
    given = ["--roles", str(path)]
    if options:
        given += ["--tls-certificate", "c", "--tls-key", "k", "--tls-client-authority", "a"]

    result = CliRunner().invoke(collector_command.command, given)

    assert isinstance(result.exception, InputError)
    assert all(word in str(result.exception) for word in words)


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not what():
            await asyncio.sleep(0.02)


@in_loop
async def test_a_revoked_agent_waits_and_comes_back_with_another_certificate(
    tmp_path: Path,
) -> None:
    # Looks at its files each 50 ms here; the pause of minutes is as it is.
    before, agent_stream._LOOK_SECONDS = agent_stream._LOOK_SECONDS, 0.05
    connected: list[bool] = []
    try:
        async with guarded(tmp_path) as door:
            own = Certificate(tmp_path / "agent.pem", tmp_path / "agent.key")

            def install() -> None:
                made = door.authority.issue(BENCH)
                own.key.write_bytes(made.key.read_bytes())
                own.key.chmod(0o600)
                own.certificate.write_bytes(made.certificate.read_bytes())

            install()
            attendance = Attendance(
                addresses=Addresses([f"localhost:{door.collector.port}"]),
                tls=ClientTls(door.authority.certificate, own.certificate, own.key),
                host=lambda: HostFacts(host=BENCH),
                policy=Policy,
                spool=Spool(tmp_path / "spool"),
                runs=HeldRuns(lambda _held: None),
                on_connected=connected.append,
            )
            attending = asyncio.create_task(attendance.run())
            await until(lambda: connected == [True])
            listed = json.loads((await said(door, "identities", "--json")).output)["identities"]
            (serial,) = (each["serial"] for each in listed if each["name"] == BENCH)

            assert "1 open call ended" in (await said(door, "revoke", serial)).output
            await until(lambda: connected == [True, False])
            assert (
                "takes no runs: its certificate was revoked" in (await said(door, "status")).output
            )
            # It has not come again meanwhile: one refusal, of the stream that was ended.
            assert [e.action for e in await door.audit(who=BENCH)] == ["Attend"]
            assert not attending.done()

            await asyncio.to_thread(install)
            await until(lambda: connected == [True, False, True])
            attendance.stopping.set()
            await attending
            attendance.spool.close()
    finally:
        agent_stream._LOOK_SECONDS = before


def test_a_revocation_and_its_audit_outlive_a_collector_that_is_killed(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    own, bob = authority.issue("localhost"), authority.issue("bob")
    roles = roles_file(tmp_path, reader=["bob"])
    socket, port = f"unix:{tmp_path / 's' / 'c.sock'}", free_port()
    collector = (
        *("collector", "--data", tmp_path / "data", "--metrics-listen", "none"),
        *("--listen", socket, "--listen", f"localhost:{port}", "--roles", roles),
        *("--tls-certificate", own.certificate, "--tls-key", own.key),
        *("--tls-client-authority", authority.certificate),
    )
    as_bob = (
        *("--collector", f"localhost:{port}", "--tls-authority", authority.certificate),
        *("--tls-certificate", bob.certificate, "--tls-key", bob.key),
    )
    with program(*collector) as killed:
        killed.line("collector listens")
        assert headstart("status", *as_bob).status == 0
        assert headstart("revoke", "bob", "--reason", "left", "--collector", socket).status == 0
        killed.kill()
    with program(*collector) as again:
        again.line("collector listens")
        refused = headstart("status", *as_bob)
        audit = headstart("audit", "--collector", socket).output.splitlines()

    assert refused.status == 2
    assert refused.errors == "headstart: the certificate of 'bob' was revoked: left\n"
    assert audit[0].endswith("revoke bob: done (left)")
    assert "bob [reader]" in audit[1]


@in_loop
async def test_a_reader_may_not_cancel_also_where_there_is_nothing_to_cancel(
    tmp_path: Path,
) -> None:
    async with guarded(tmp_path) as door:
        by_reader = await said(door, "cancel", "--host", "h1", by=READER)
        by_operator = await said(door, "cancel", "--host", "h1", by=OPERATOR)

    assert by_reader.status == 2
    assert "may not call Cancel, which takes the role 'operator'" in by_reader.errors
    assert by_operator.status == 2
    assert by_operator.errors == "headstart: there is no host 'h1'\n"
