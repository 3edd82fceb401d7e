"""Whether a collector could listen, asked before it changes its store.

What is bound here is closed again, since gRPC binds by itself; who takes an address in between is
found then.
"""

from headstart.collector.config import CollectorConfig
from headstart.collector.transport.listening import CHOOSE_SOCKET, no_socket, refuse_living
from headstart.collector.transport.places import places_of
from headstart.collector.transport.tls import ConfigurationError
from headstart.words.foreign.addresses import socket_path, unix_address


def check_free(config: CollectorConfig) -> None:
    """Raises StartFault where something listens already, or an address is not this machine's."""
    for address in config.addresses:
        if (path := socket_path(address)) is None:
            places_of(address)
            continue
        try:
            unix_address(path)
            refuse_living(path)
        except ValueError as error:
            raise ConfigurationError(f"{error}: {CHOOSE_SOCKET}") from None
        except OSError as error:
            raise no_socket(path, error) from error
    for more in (config.metrics_listen, config.identity.enroll_listen):
        if more is not None:
            places_of(more)
