"""Whose a spool is that was recorded under another name, as the collector knows.

From here a host that was renamed and a state folder that was copied from another host look the
same. The collector is asked before the spool is used, by a hello that opens nothing of it.
"""

import logging
import sqlite3
import uuid
from pathlib import Path

from headstart.agent.uplink.spool import NotSetAside, Spool
from headstart.v1.fleet_pb2 import Hello, Welcome
from headstart.v1.host_pb2 import HostFacts, Policy
from headstart.words.features import FEATURE_NAMES
from headstart.words.protocol import PROTOCOL_VERSION

log = logging.getLogger(__name__)

# Only where the collector answers: by its answer the file is taken once the host is renamed.
_WAY_BACK = (
    ". If this agent was started as {new} before `headstart host rename {old} {new}`, they are not "
    "lost: docs/FLEET.md, Add, drain, rename, remove a host"
)


class Answered(Exception):
    """The collector answered whose the spool is: the next hello is an ordinary one."""


def question(spool: Spool, host: HostFacts, policy: Policy) -> Hello:
    """The hello that asks. A collector of before sees an agent with nothing that takes no run."""
    return Hello(
        protocol_version=PROTOCOL_VERSION,
        host=host,
        policy=policy,
        stream_id=uuid.uuid4().hex,
        life=spool.life,
        not_ready=f"it asks whose the records of {spool.recorded_as} in its spool are",
        features=FEATURE_NAMES,
        recorded_stream_id=spool.stream_id,
        recorded_as=spool.recorded_as,
        recorded_records=spool.state()[1],
    )


def settle(spool: Spool, host: str, welcome: Welcome) -> None:
    """Take the spool over or set it aside, as the collector says.

    Raises NotSetAside where neither can be done yet, and SpoolError where a new one cannot be
    opened.
    """
    recorded, records = spool.recorded_as, spool.state()[1]
    if welcome.takes_recorded:
        try:
            spool.take_over()
        except sqlite3.Error as error:
            raise NotSetAside(f"the spool cannot be taken over yet: {error}") from error
        log.info(
            "host %s was called %s: the %d records of that time are delivered under its new name",
            host,
            recorded,
            records,
        )
        return
    answered = welcome.HasField("takes_recorded")
    why = (
        "by the collector this host was not called so"
        if answered
        else "the collector is of a release that cannot tell whether this host was called so"
    )

    def tell(aside: Path) -> None:
        log.log(
            logging.ERROR if records else logging.INFO,
            "the spool was recorded by host %s, this is %s, and %s: it is now %s, with %d records "
            "that were not delivered, and a new stream begins%s",
            recorded,
            host,
            why,
            aside,
            records,
            _WAY_BACK.format(old=recorded, new=host) if records and answered else "",
        )

    spool.set_aside(tell)
