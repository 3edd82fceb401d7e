"""What an agent is told to run: by a collector, by an experiment, by its own policy."""

from pathlib import Path

from google.protobuf.message import DecodeError

from fuzz.target import Table, require
from headstart.agent.policy.policy import PolicyError, parse_policy
from headstart.agent.uplink.collector_bounds import (
    CollectorFault,
    check_attempt,
    experiment_fault,
    terms_of,
    words_of,
)
from headstart.v1.fleet_pb2 import AttendResponse
from headstart.words.foreign.image_reference import MalformedReference, parse_image

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
