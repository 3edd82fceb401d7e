"""What an agent is told to run, by a collector, an experiment, its policy; and an engine's log."""

from pathlib import Path

from google.protobuf.message import DecodeError

from fuzz.target import Table, require
from headstart.agent.policy.policy import PolicyError, parse_policy
from headstart.agent.runtimes.line_watch import LINE_BYTES, LineWatch
from headstart.agent.runtimes.log_stream import Frames
from headstart.agent.uplink.collector_bounds import (
    CollectorFault,
    check_attempt,
    terms_of,
    words_of,
)
from headstart.agent.uplink.experiment_bounds import experiment_fault
from headstart.v1.fleet_pb2 import AttendResponse
from headstart.words.foreign.image_reference import MalformedReference, parse_image
from headstart.words.foreign.patterns import compile_pattern

TABLE = Table()


@TABLE.add("a submitter, in an experiment", MalformedReference, most_bytes=1200)
def image_reference(data: bytes) -> None:
    """What a reference means, written out, means the same."""
    found = parse_image(data.decode("utf-8", "replace"))
    require(parse_image(found.full) == found, f"{found.full!r} means something else")


@TABLE.add("an operator, in a policy", PolicyError)
def policy(data: bytes) -> None:
    parse_policy(data.decode("utf-8", "replace"), Path("policy.toml")).message()


@TABLE.add("a collector", DecodeError, CollectorFault)
def collector_message(data: bytes) -> None:
    found = AttendResponse.FromString(data)
    terms = terms_of(found.welcome)
    require(0.02 <= terms.heartbeat_seconds <= 60, f"a heartbeat of {terms.heartbeat_seconds} s")
    require(len(words_of(found.cancel.reason)) <= 600, "a reason without an end")
    check_attempt(found.lease.attempt)
    experiment_fault(found.lease.experiment)


@TABLE.add("the app, in its log, through the engine")
def container_log(data: bytes) -> None:
    """A line is found where each by itself has it, however the frames and pieces are cut."""
    lines = [line[:LINE_BYTES].removesuffix(b"\r") for line in data.split(b"\n")[:-1]]
    for text in _LINES:
        pattern = compile_pattern(text)
        is_there = any(pattern.found_in(line) for line in lines)
        for size in (5, len(data) or 1):
            watch = LineWatch([text], lambda: None)
            for at in range(0, len(data), size):
                watch.take(data[at : at + size])
            require(watch.is_ready == is_there, f"/{text}/ in pieces of {size}")
    framed = LineWatch(_LINES, lambda: None)
    for stream, part in Frames().feed(data):
        framed.take(part, stream)


_LINES = ("^a b?$", r"\Aready\b", "(?i)[^x]y$", r"\s\S")
