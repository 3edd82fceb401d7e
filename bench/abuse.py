"""What honest agents feel while others do harm to their collector, and what is left of it.

50 agents deliver a batch a second each; beside them strangers, floods, certificates that are
worth nothing, and an agent that claims others' runs (`bench.abusers`), a process of their own.
"""

import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import grpc

from bench.scale import simulated, submit
from bench.secured import Secured, authority_of, identity_files, issue, secured
from bench.table import BenchRow
from headstart.collector.identity.authority import Authority
from headstart.collector.store.store import FILE_NAME
from headstart.v1.access_pb2 import RevokeRequest
from headstart.v1.access_pb2_grpc import AccessServiceStub
from headstart.words.roles import Role

HONEST = 50
_ACK_MS = 1_000.0
_GROWTH_MEBIBYTES = 100.0
# Until what abusers held is given back.
_CALM_SECONDS = 5


def run(quick: bool) -> list[BenchRow]:
    """Three rows; half a minute when quick, else two."""
    seconds = 10 if quick else 60
    with tempfile.TemporaryDirectory(prefix="headstart-bench-") as name:
        folder = Path(name)
        identities = identity_files(folder, [f"simulated-{n:04}" for n in range(HONEST)])
        worthless = _certificates(folder)
        with secured(folder) as collector:
            with simulated(collector, identities) as agents:
                agents.order("attend")
                submit(collector)
                _revoke(collector, "revoked")
                agents.order("work 2")
                calm = agents.order(f"work {seconds // 2}")
                before = collector.rss_mebibytes()
                file = _told(folder, collector, worthless)
                command = [sys.executable, "-m", "bench.abusers", str(file), str(seconds + 2)]
                with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as abusers:
                    time.sleep(2)
                    abused = agents.order(f"work {seconds}")
                    said, _ = abusers.communicate()
                agents.order(f"work {_CALM_SECONDS}")
                grown = collector.rss_mebibytes() - before
                acked = 2 + seconds // 2 + seconds + _CALM_SECONDS
            wrong = _wrong(collector, HONEST * acked)
    return _rows(calm, abused, json.loads(said), grown, wrong)


def _rows(
    calm: dict[str, Any],
    abused: dict[str, Any],
    counts: dict[str, int],
    grown: float,
    wrong: list[str],
) -> list[BenchRow]:
    print(", ".join(f"{count} times {kind}" for kind, count in counts.items()))
    what = f"{HONEST} agents beside {sum(counts.values()):,} abuses of {len(counts)} kinds"
    late = max(calm["late_p99_ms"], abused["late_p99_ms"])
    return [
        BenchRow(
            f"{what}: from sending to the ack, p99",
            f"{abused['p99_ms']:.0f} ms (p50 {abused['p50_ms']:.0f}, most {abused['most_ms']:.0f})",
            f"< {_ACK_MS:.0f} ms",
            f"without them {calm['p99_ms']:.0f} ms; sent {late:.0f} ms late by the agents",
            ok=abused["p99_ms"] < _ACK_MS,
        ),
        BenchRow(
            "the same: memory of the collector afterwards",
            f"{grown:+.0f} MiB",
            f"<= {_GROWTH_MEBIBYTES:.0f} MiB",
            "",
            ok=grown <= _GROWTH_MEBIBYTES,
        ),
        BenchRow(
            "the same: what abusers left in the store, and honest agents lost",
            "; ".join(wrong) or "nothing",
            "nothing",
            "",
            ok=not wrong,
        ),
    ]


def _certificates(folder: Path) -> dict[str, dict[str, str]]:
    own = authority_of(folder)
    foreign = Authority(folder / "foreign", time.time)
    made = {
        "rogue": issue(own, "rogue"),
        "revoked": issue(own, "revoked"),
        "reader": issue(own, "reader", Role.READER),
        "foreign": issue(foreign, "simulated-0002"),
        "expired": issue(own, "expired", seconds=0.1),
    }
    return {
        who: {"certificate": issued.pem.decode(), "key": key.decode()}
        for who, (issued, key) in made.items()
    }


def _revoke(collector: Secured, name: str) -> None:
    with grpc.insecure_channel(collector.socket) as channel:
        AccessServiceStub(channel).Revoke(RevokeRequest(name=name, reason="bench"))


def _told(folder: Path, collector: Secured, certificates: dict[str, dict[str, str]]) -> Path:
    file = folder / "abusers.json"
    said = {
        "port": collector.port,
        "enrolment_port": collector.enrolment_port,
        "authority": authority_of(folder).pem.decode(),
        "certificates": certificates,
        "runs": [run_id for (run_id,) in _asked(collector, "SELECT run_id FROM runs")],
    }
    file.write_text(json.dumps(said))
    return file


def _wrong(collector: Secured, delivered: int) -> list[str]:
    """What is in the store that should not be, or is not that should."""
    honest = "LIKE 'stream-of-simulated-%'"
    ours = "SELECT count(*) FROM batches WHERE stream_id"
    expected = {
        "batches of abusers": (f"{ours} NOT {honest}", 0),
        "batches of honest agents": (f"{ours} {honest}", delivered),
        "runs": ("SELECT count(*) FROM runs", HONEST),
        "runs that still go on": ("SELECT count(*) FROM runs WHERE state = 2", HONEST),
        "words of abusers on honest runs": (
            "SELECT count(*) FROM runs WHERE instr(progress, 'rogue') > 0",
            0,
        ),
        # The rogue is a host of its own, as its certificate says.
        "hosts": ("SELECT count(*) FROM hosts", HONEST + 1),
    }
    found = {what: _asked(collector, query)[0][0] for what, (query, _) in expected.items()}
    return [
        f"{what}: {found[what]} instead of {count}"
        for what, (_, count) in expected.items()
        if found[what] != count
    ]


def _asked(collector: Secured, query: str) -> list[Any]:
    database = sqlite3.connect(f"file:{collector.store / FILE_NAME}?mode=ro", uri=True)
    try:
        return database.execute(query).fetchall()
    finally:
        database.close()
