"""What a measured app answers, and what the load generators write about it."""

import json
from array import array

from fuzz.target import Table, require
from headstart.agent.http.checks import evaluate
from headstart.agent.http.json_compare import DIFFERENCE_LIMIT, differences
from headstart.agent.http.junit import MalformedReport, Report, ReportReader
from headstart.agent.http.response import Answer, NotHttp
from headstart.agent.load.frames import FrameReader, Window
from headstart.agent.load.h2load_log import LogTally, parse_protocol, parse_sums
from headstart.agent.load.wrk_script import parse_totals
from headstart.v1.experiment_pb2 import HttpCheck

TABLE = Table()


@TABLE.add("the app, over HTTP", NotHttp, most_bytes=8192)
def http_answer(data: bytes) -> None:
    """However the bytes are cut, the answer is the same."""
    whole = _answer([data])
    apart = _answer([data[at : at + 1] for at in range(len(data))])
    if whole is not None and apart is not None:
        require(whole[:3] == apart[:3], f"{whole} is {apart} when cut")


def _answer(pieces: list[bytes]) -> tuple[int, list[tuple[str, str]], bytes] | None:
    answer = Answer()
    for piece in pieces:
        if answer.feed(piece):
            break
    else:
        answer.end()
    if not answer.complete:
        return None
    return answer.status, answer.headers, bytes(answer.body)


@TABLE.add("the app, over HTTP")
def json_compare(data: bytes) -> None:
    """Two bodies, separated by a zero byte."""
    one, _, other = data.partition(b"\0")
    require(len(differences(one, other, ["id"])) <= DIFFERENCE_LIMIT, "too many differences")
    require(differences(one, one, []) == [], "a body differs from itself")


_CHECK = HttpCheck(status=200, json_subset='{"items": [{"id": 1, "name": null}], "n": 2.0}')


@TABLE.add("the app, over HTTP")
def check(data: bytes) -> None:
    evaluate(_CHECK, 200, [("content-type", "x")], data)


@TABLE.add("a container with tests, in what it leaves of them", MalformedReport)
def junit_report(data: bytes) -> None:
    """However the bytes are cut, the report is the same; its counts are whole."""
    whole = _report([data])
    require(whole == _report([data[:9], data[9:]]), "a report is another one when cut")
    require(len(whole.tests) + whole.counts.left_out == whole.total, "tests are lost")


def _report(pieces: list[bytes]) -> Report:
    reader = ReportReader()
    reader.read("x.xml", pieces)
    return reader.report()


_HEAD_BYTES = len(Window(0, 0, 0, 0, 0, 0, array("I")).pack())


@TABLE.add("the builtin generator, whose process serves an app's answers", ValueError)
def load_frames(data: bytes) -> None:
    for kind, payload in FrameReader().feed(data):
        if kind == b"W" and len(payload) >= _HEAD_BYTES:
            require(len(Window.unpack(payload).pack()) == len(payload), "a window changes")
        elif kind == b"E":
            json.loads(payload)


@TABLE.add("h2load, about an app's answers", ValueError)
def h2load_log(data: bytes) -> None:
    tally = LogTally([0.0, 1e6, 2e6, 3e6], 200)
    first, _, second = data.partition(b"\0")
    for piece in (first, second):
        if piece:
            tally.add(piece)
    require(all(t.sent >= 0 and t.failed >= 0 for t in tally.tallies()), "a negative count")


@TABLE.add("h2load, about an app's answers")
def h2load_output(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    parse_sums(text)
    parse_protocol(text)


@TABLE.add("wrk, about an app's answers")
def wrk_totals(data: bytes) -> None:
    parse_totals(data.decode("utf-8", "replace"))
