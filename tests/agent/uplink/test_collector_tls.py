"""An agent names what is wrong with certificates, and uses a renewed one without a restart."""

import asyncio
import logging
import shutil
from pathlib import Path

import pytest

from headstart.agent.uplink.collector_addresses import Addresses
from headstart.agent.uplink.collector_tls import ClientTls
from headstart.agent.uplink.held_runs import HeldRuns
from headstart.agent.uplink.spool import Spool
from headstart.agent.uplink.stream import Attendance
from headstart.collector.config import TlsFiles
from headstart.v1.host_pb2 import HostFacts, Policy
from headstart.words.foreign.certificates import CertificateProblem
from support.attending import collecting, in_loop
from support.certificates import Authority, Certificate
from support.waiting import until


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ours")


def files(authority: Authority, own: Certificate) -> ClientTls:
    return ClientTls(authority.certificate, own.certificate, own.key)


def attendance(folder: Path, target: str, tls: ClientTls, connected: asyncio.Event) -> Attendance:
    runs = HeldRuns(lambda _held: None)
    return Attendance(
        addresses=Addresses([target]),
        tls=tls,
        host=lambda: HostFacts(host="bench-1"),
        policy=Policy,
        spool=Spool(folder),
        runs=runs,
        on_connected=lambda yes: connected.set() if yes else None,
    )


def test_a_missing_file_and_an_exposed_key_are_told(tmp_path: Path, authority: Authority) -> None:
    own = authority.issue("bench-1")
    own.key.chmod(0o644)

    with pytest.raises(CertificateProblem, match="others can read this private key"):
        files(authority, own).credentials()
    with pytest.raises(CertificateProblem, match=r"none\.crt: No such file"):
        ClientTls(tmp_path / "none.crt").credentials()


@in_loop
async def test_an_agent_says_why_it_is_not_let_in_and_a_renewed_certificate_lets_it_in(
    tmp_path: Path, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    stranger = Authority(tmp_path / "theirs")
    wrong, right = stranger.issue("bench-1"), authority.issue("bench-1")
    own = authority.issue("localhost")
    server = TlsFiles(own.certificate, own.key, authority.certificate)
    connected = asyncio.Event()

    async def logged(text: str) -> None:
        await until(lambda: text in caplog.text)

    def replace(source: Path, target: Path) -> None:
        # Renewed by a rename, as tools do it, so that nobody reads half a file.
        Path(shutil.copy(source, target.with_suffix(".new"))).replace(target)

    with caplog.at_level(logging.WARNING):
        async with collecting(
            tmp_path / "data", listen="localhost:0", tls=server, plaintext=False
        ) as collector:
            target = f"localhost:{collector.port}"
            attending = attendance(tmp_path / "agent", target, files(authority, wrong), connected)
            task = asyncio.create_task(attending.run())
            await logged(f"does not accept {wrong.certificate}")
            replace(right.key, wrong.key)
            await logged(f"{wrong.key} is not the key of {wrong.certificate}")
            replace(right.certificate, wrong.certificate)
            async with asyncio.timeout(30):
                await connected.wait()
            attending.stopping.set()
            await task
    attending.spool.close()
