"""What an authority of the collector's own needs, loaded where there is one.

What signs takes 18 MB, which a collector on a socket saves.
"""

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from headstart.collector.config import CollectorConfig
from headstart.collector.identity.audit_trail import AuditTrail
from headstart.collector.own_metrics import SelfMetrics
from headstart.collector.store.store import Store

if TYPE_CHECKING:
    from headstart.collector.identity.own_identity import OwnIdentity


def own_identity(config: CollectorConfig, store: Store) -> "OwnIdentity | None":
    """None: certificates are of another authority, or there are none. Raises StartFault."""
    if not config.has_authority:
        return None
    from headstart.collector.identity.own_identity import OwnIdentity

    return OwnIdentity(config, store.now)


async def serve_enrolment(
    config: CollectorConfig,
    own: "OwnIdentity",
    store: Store,
    attends: Callable[[str], bool],
    trail: AuditTrail,
    metrics: SelfMetrics,
    ending: AsyncExitStack,
) -> int | None:
    """The port where tokens are traded, closed by `ending`; None: none is asked for.

    Raises StartFault.
    """
    from headstart.collector.identity.enrolment_port import open_enrolment

    opened = await open_enrolment(config, own, store, attends, trail, metrics)
    if opened is None:
        return None
    ending.push_async_callback(opened.close)
    return opened.port
