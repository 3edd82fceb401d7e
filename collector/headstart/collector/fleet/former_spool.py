"""A hello that asks whose the records in a spool are, which has another host's name."""

import logging
import re

import grpc

from headstart.collector.fleet.refused import Refused
from headstart.collector.own_metrics import Refusal
from headstart.v1.fleet_pb2 import Hello
from headstart.words.foreign.host_names import is_host_name

log = logging.getLogger(__name__)

STREAM_ID = re.compile(r"[0-9A-Za-z_-]{1,64}", re.ASCII)


def check_question(hello: Hello) -> None:
    """Refuse a question that names no stream or no host."""
    if not (hello.recorded_stream_id or hello.recorded_as):
        return
    if not STREAM_ID.fullmatch(hello.recorded_stream_id) or not is_host_name(hello.recorded_as):
        raise Refused(
            grpc.StatusCode.FAILED_PRECONDITION,
            f"the agent asks about stream {hello.recorded_stream_id[:80]!r} of host "
            f"{hello.recorded_as[:80]!r}; a stream's id and a host's name were expected",
            Refusal.PROTOCOL,
        )


def tell_answer(hello: Hello, takes: bool) -> None:
    """What becomes of the records, in the log."""
    if takes:
        log.info(
            "host %s comes with stream %s from when it was called %s: %d records of it are taken",
            hello.host.host,
            hello.recorded_stream_id,
            hello.recorded_as,
            hello.recorded_records,
        )
        return
    log.log(
        logging.ERROR if hello.recorded_records else logging.INFO,
        "host %s has the spool of host %s (stream %s), whose new name it does not have: its %d "
        "records are not taken, and its agent sets them aside. Was its state folder copied, or "
        "the agent started under another name before `headstart host rename`?",
        hello.host.host,
        hello.recorded_as,
        hello.recorded_stream_id,
        hello.recorded_records,
    )
