"""Who gave wrong secrets lately: such a peer waits, whatever it gives next."""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

_MOST_WRONG = 5
_WITHIN_SECONDS = 60.0
# Peers that are remembered; the one that was wrong longest ago is forgotten first.
_PEERS = 1000


class WrongSecrets:
    """Use from one event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # When each was wrong.
        self._times: OrderedDict[str, list[float]] = OrderedDict()

    def wait_seconds(self, peer: str) -> float:
        """For how long a peer is not listened to; 0: it is."""
        times = self._recent(network_of(peer))
        if len(times) < _MOST_WRONG:
            return 0.0
        return times[-_MOST_WRONG] + _WITHIN_SECONDS - self._clock()

    def wrong(self, peer: str) -> None:
        """It gave one."""
        network = network_of(peer)
        self._times[network] = [*self._recent(network), self._clock()][-_MOST_WRONG:]
        self._times.move_to_end(network)
        if len(self._times) > _PEERS:
            self._times.popitem(last=False)

    def _recent(self, network: str) -> list[float]:
        since = self._clock() - _WITHIN_SECONDS
        return [each for each in self._times.get(network, ()) if each > since]


def network_of(peer: str) -> str:
    """Of gRPC's "ipv4:1.2.3.4:5" the address; of one of IPv6 its /64, which one host may have."""
    host = peer.partition(":")[2].rpartition(":")[0].replace("%5B", "").replace("%5D", "")
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return peer
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((address, 64), strict=False))
