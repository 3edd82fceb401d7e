"""What systemd hears of a unit with Type=notify: that it is ready (sd_notify(3))."""

import logging
import os
import socket

log = logging.getLogger(__name__)

_NAME = "NOTIFY_SOCKET"


def tell_ready() -> None:
    """Tell the service manager that started this process, if one wants to know.

    What this process starts does not inherit the address: an app would speak for the unit.
    """
    address = os.environ.pop(_NAME, "")
    if not address:
        return
    # "@" stands for the zero byte of a name that is no file.
    target = "\0" + address[1:] if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to:
            to.sendto(b"READY=1", target)
    except OSError as error:
        log.warning("%s=%s: %s; the service manager is not told", _NAME, address, error)
