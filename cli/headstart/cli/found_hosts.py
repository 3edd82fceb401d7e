"""The hosts of a collector, asked for by the page, so that each says all that it has to say."""

from collections.abc import Iterator, Sequence

from headstart.v1.experiments_pb2 import HostState, ListHostsRequest
from headstart.v1.experiments_pb2_grpc import ExperimentsServiceStub

# Some 4 KiB of facts for each: a quarter of what a message holds.
_PAGE = 200


def host_pages(
    stub: ExperimentsServiceStub, after: str = "", limit: int = 0
) -> Iterator[tuple[Sequence[HostState], int]]:
    """The hosts whose names come after one, `limit` of them (0: all); with each page how many
    follow it.
    """
    left = limit
    while True:
        asked = ListHostsRequest(after_host=after, limit=min(_PAGE, left) if limit else _PAGE)
        answer = stub.ListHosts(asked)
        if not answer.HasField("more_hosts"):
            # An older collector, which says all that it has.
            found = [state for state in answer.hosts if state.host.host > after]
            shown = found[: limit or len(found)]
            yield shown, len(found) - len(shown)
            return
        yield answer.hosts, answer.more_hosts
        left -= len(answer.hosts)
        if not (answer.more_hosts and answer.hosts and (left > 0 or not limit)):
            return
        after = answer.hosts[-1].host.host


def all_hosts(stub: ExperimentsServiceStub) -> list[HostState]:
    """Every host that ever attended, by name."""
    return [state for page, _ in host_pages(stub) for state in page]


def host_named(
    stub: ExperimentsServiceStub, name: str, seconds: float | None = None
) -> HostState | None:
    """What is known of a host; None: there is none. The call may take so long; None: any time."""
    hosts = stub.ListHosts(ListHostsRequest(host=name), timeout=seconds).hosts
    return next((each for each in hosts if each.host.host == name), None)
