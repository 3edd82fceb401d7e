"""`headstart run` on files with secrets: no file that it leaves, and nothing it says, holds one."""

import re
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest
import zstandard

from support.running import Ran, experiment, free_port, run

SECRETS = ("hunter2-s3cr3t", "other-s3cr3t", "p4ss-w0rd", "t0k3n-abc")
# Writes its whole environment, answers with what it was asked with, and dies of a password.
APP = """
import http.server, os, sys
print(dict(os.environ), file=sys.stderr, flush=True)
print(os.environ["DB_PASSWORD"], file=sys.stderr, flush=True)
class App(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        authorised = self.headers["Authorization"] == "Bearer t0k3n-abc"
        body = (str(self.headers) + str(dict(os.environ))).encode()
        self.send_response(200 if authorised else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), App).serve_forever()
"""


def content(folder: Path, header: Any, **variables: Any) -> dict[str, Any]:
    """An experiment of two variants that differ in a password."""
    port = free_port()
    program = folder / "app.py"
    program.write_text(APP)
    request = {"request": "GET /", "headers": {"Authorization": header}}
    wrong = request | {"expect": {"body": "no such word"}, "name": "fails"}
    variants = {
        name: {
            "command": [sys.executable, str(program), str(port)],
            "env": {"DB_PASSWORD": value, "ConnectionStrings__Db": variables["connection"]},
        }
        for name, value in variables.items()
        if name != "connection"
    }
    return experiment(
        port,
        variants,
        service={"ready": request, "checks": [wrong]},
        load={"requests": [request], "duration": "1s", "connections": 2},
    )


def records_of(data: Path) -> bytes:
    """What the records of every run in the store say, unpacked."""
    with sqlite3.connect(data / "collector" / "headstart.sqlite") as database:
        rows = database.execute("SELECT payload FROM batches").fetchall()
    database.close()
    assert rows
    unpacked = b""
    for (payload,) in rows:
        try:
            unpacked += zstandard.decompress(payload)
        except zstandard.ZstdError:
            unpacked += payload
    return unpacked


def assert_nothing_told(folder: Path, ran: Ran) -> None:
    data = folder / "data"
    files = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    for secret in SECRETS:
        assert secret not in ran.output + ran.errors
        assert [path for path, held in files.items() if secret.encode() in held] == []
        assert secret.encode() not in records_of(data)


def test_what_the_file_states_is_masked_and_what_differs_is_said(tmp_path: Path) -> None:
    stated = content(
        tmp_path,
        "Bearer t0k3n-abc",
        a="hunter2-s3cr3t",
        b="other-s3cr3t",
        connection="Host=x;Password=p4ss-w0rd",
    )
    ran = run(tmp_path, stated)

    assert_nothing_told(tmp_path, ran)
    assert "differs from a in DB_PASSWORD" in ran.output
    assert "[masked 1]" in ran.output
    assert b"[masked " in records_of(tmp_path / "data")


def test_what_the_host_knows_is_given_to_the_app_and_to_nobody_else(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t0k3n-abc\n")
    stated = content(
        tmp_path,
        {"from_file": str(tmp_path / "token"), "prefix": "Bearer "},
        a={"from": "PERF_A"},
        b={"from": "PERF_B"},
        connection={"from": "PERF_C", "prefix": "Host=x;Password="},
    )
    known = dict(zip(("PERF_A", "PERF_B", "PERF_C"), SECRETS, strict=False))
    ran = run(tmp_path, stated, env=known)

    assert_nothing_told(tmp_path, ran)
    # It answers nobody else.
    assert {v["outcome"] for v in ran.report()["variants"]} == {"checks fail"}
    assert "status 401" not in ran.output
    assert "differs from a in DB_PASSWORD" in ran.output
    assert b"[secret PERF_A]" in records_of(tmp_path / "data")
    assert f"[secret {tmp_path / 'token'}]".encode() in records_of(tmp_path / "data")
    assert '"driver": "h2load"' not in ran.output


@pytest.mark.parametrize("reference", [{"from": "NO_SUCH"}, {"from_file": "/no/such/file"}])
def test_what_the_host_does_not_know_is_said_before_anything_is_made(
    tmp_path: Path, reference: dict[str, str]
) -> None:
    stated = content(tmp_path, "none", a="x", b=reference, connection="y")
    ran = run(tmp_path, stated)

    assert ran.status == 2
    assert re.search(r"yaml:\d+:\d+: variants\.b\.env\.DB_PASSWORD: .*cannot be given", ran.errors)
    assert not (tmp_path / "data").exists()
