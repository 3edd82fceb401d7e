"""Gives a host another name, under which its history goes on, and takes names out of use."""

import json

from sqlalchemy import Connection, delete, func, insert, select, update

from headstart.collector.store import host_changes
from headstart.collector.store.statements import place_of
from headstart.collector.store.tables import former_names, hosts, points, results, runs, streams
from headstart.v1.experiments_pb2 import RunState
from headstart.v1.host_pb2 import HostFacts


class CannotRename(Exception):
    """The message says what is in the way."""


def rename(connection: Connection, old: str, new: str, now: float) -> None:
    """Everything that is stored of it, and what waits. Raises NoSuchHost and CannotRename."""
    host_changes.require(connection, old)
    if connection.execute(select(hosts.c.host).where(hosts.c.host == new)).first():
        raise CannotRename(
            f"there is a host '{new}' already: two hosts are not put together; remove it first"
        )
    leased = select(runs.c.run_id).where(
        runs.c.host == old, runs.c.state == RunState.RUN_STATE_LEASED
    )
    if (run_id := connection.execute(leased).scalar()) is not None:
        raise CannotRename(
            f"'{old}' has run {run_id}, whose records name it: `headstart host drain {old}`, and "
            "rename it when the run has ended, or, where its agent does not come back, is given "
            "back, within a minute or so"
        )
    row = connection.execute(select(hosts).where(hosts.c.host == old)).one()
    values = {**row._mapping, "host": new, "facts": _renamed(row.facts, new)}
    connection.execute(insert(hosts).values(**values))
    for table in (streams, points, former_names):
        connection.execute(update(table).where(table.c.host == old).values(host=new))
    for run_id, facts in connection.execute(
        select(runs.c.run_id, runs.c.facts).where(runs.c.host == old)
    ).all():
        connection.execute(
            update(runs).where(runs.c.run_id == run_id).values(host=new, facts=_renamed(facts, new))
        )
        _rename_result(connection, run_id, new)
    connection.execute(
        update(runs)
        .where(place_of(runs.c.candidates, f"\n{old}\n") > 0)
        .values(candidates=func.replace(runs.c.candidates, f"\n{old}\n", f"\n{new}\n"))
    )
    connection.execute(delete(hosts).where(hosts.c.host == old))
    connection.execute(delete(former_names).where(former_names.c.former == new))
    connection.execute(insert(former_names).values(former=old, host=new, renamed_seconds=now))


def _renamed(facts: bytes, new: str) -> bytes:
    found = HostFacts.FromString(facts)
    found.host = new
    return found.SerializeToString()


def _rename_result(connection: Connection, run_id: str, new: str) -> None:
    """One at a time: a result may be a megabyte."""
    of_run = results.c.run_id == run_id
    text = connection.execute(select(results.c.result_json).where(of_run)).scalar()
    if not text:
        return
    result = json.loads(text)
    if isinstance(result.get("host"), dict):
        result["host"]["name"] = new
        connection.execute(update(results).where(of_run).values(result_json=json.dumps(result)))


def is_of(connection: Connection, host: str, stream_id: str, recorded_as: str) -> bool:
    """Whether a stream that was recorded under another name is this host's.

    By where the stream is: a rename moves it. Where it is not known, as of a spool whose stream
    began anew while its host was away, by whether the host was called so.
    """
    known = select(streams.c.host).where(streams.c.stream_id == stream_id)
    if (owner := connection.execute(known).scalar()) is not None:
        return bool(owner == host)
    former = select(former_names.c.host).where(former_names.c.former == recorded_as)
    return bool(connection.execute(former).scalar() == host)


def free_name(connection: Connection, former: str) -> str | None:
    """Forget that a host was called so; what it is called now. None: none was."""
    of_name = former_names.c.former == former
    now = connection.execute(select(former_names.c.host).where(of_name)).scalar()
    connection.execute(delete(former_names).where(of_name))
    return now


def remove(connection: Connection, host: str) -> None:
    """The host itself; its runs were forgotten before."""
    connection.execute(
        update(runs)
        .where(place_of(runs.c.candidates, f"\n{host}\n") > 0)
        .values(candidates=func.replace(runs.c.candidates, f"\n{host}\n", "\n"))
    )
    connection.execute(delete(former_names).where(former_names.c.host == host))
    connection.execute(delete(streams).where(streams.c.host == host))
    connection.execute(delete(hosts).where(hosts.c.host == host))
