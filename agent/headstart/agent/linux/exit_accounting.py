"""The kernel's account of a process at its exit: the peak of its memory, exact.

VmHWM in /proc ends with the process, ru_maxrss begins with the peak of whoever
started it (its memory is the child's until the exec), and a job of 10 ms lies
between two samples. The kernel's taskstats say it at the exit itself, to root in
the host's own user and pid namespaces.

Source: Documentation/accounting/taskstats.rst, linux/taskstats.h, linux/genetlink.h.
"""

import errno
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Self

from headstart.agent.deadline import Deadline

_NETLINK_GENERIC = 16
_CONTROL_FAMILY, _GET_FAMILY = 16, 3
_FAMILY_ID, _FAMILY_NAME = 1, 2
_NLM_REQUEST, _NLM_ACK, _NLM_ERROR = 1, 4, 2
_COMMAND_GET = 1
_REGISTER_CPUS, _DEREGISTER_CPUS = 3, 4
_TYPE_PID, _TYPE_STATS, _TYPE_OF_PID = 1, 3, 4
# In struct taskstats since version 6: the kB of the highest resident set.
_HIGH_WATER_AT = 200
_SO_RCVBUFFORCE = 33
_RECEIVE_BUFFER_BYTES = 4 << 20
_ANSWER_SECONDS = 1.0
_READ_SECONDS = 0.25

_HEADER = struct.Struct("=IHHII")
_GENERIC = struct.Struct("=BBH")
_ATTRIBUTE = struct.Struct("=HH")


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and value of each netlink attribute; what is cut short ends it."""
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if length < _ATTRIBUTE.size or at + length > len(data):
            return
        yield kind & 0x3FFF, data[at + _ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3


def high_water(datagram: bytes) -> tuple[int, int] | None:
    """The task of an exit message and its peak of resident memory, in bytes."""
    for kind, value in attributes(datagram[_HEADER.size + _GENERIC.size :]):
        if kind != _TYPE_OF_PID:
            continue
        inner = dict(attributes(value))
        stats = inner.get(_TYPE_STATS, b"")
        if _TYPE_PID in inner and len(stats) >= _HIGH_WATER_AT + 8:
            pid = int(struct.unpack_from("=I", inner[_TYPE_PID])[0])
            return pid, int(struct.unpack_from("=Q", stats, _HIGH_WATER_AT)[0]) * 1024
    return None


def _request(family: int, command: int, kind: int, value: bytes, flags: int) -> bytes:
    padding = bytes(-len(value) % 4)
    attribute = _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + padding
    payload = _GENERIC.pack(command, 1, 0) + attribute
    return _HEADER.pack(_HEADER.size + len(payload), family, flags, 1, 0) + payload


class ExitAccounting:
    """Exits of this host, read when asked for; `close` it."""

    def __init__(self, netlink: socket.socket, family: int, cpus: bytes) -> None:
        """Use `open`."""
        self._socket = netlink
        self._family = family
        self._cpus = cpus

    @classmethod
    def open(cls) -> Self | None:
        """None where the kernel does not tell: not root, or in another namespace."""
        try:
            netlink = socket.socket(
                socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_GENERIC
            )
        except OSError:
            return None
        try:
            netlink.bind((0, 0))
            netlink.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER_BYTES)
            netlink.settimeout(_ANSWER_SECONDS)
            family = _family_of(netlink)
            cpus = f"0-{(os.cpu_count() or 1) - 1}\0".encode()
            if family is not None and _registered(netlink, family, cpus):
                netlink.setblocking(False)
                return cls(netlink, family, cpus)
        except OSError:
            pass
        netlink.close()
        return None

    def high_water_bytes(self, pid: int) -> int | None:
        """Of a process among the exits since the last call; those of others are forgotten."""
        found: int | None = None
        # They may come faster than they are read.
        deadline = Deadline(_READ_SECONDS)
        while not deadline.passed():
            try:
                told = high_water(self._socket.recv(1 << 16))
            except BlockingIOError:
                return found
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                # Too many exits between two calls: some are lost.
                continue
            if told is not None and told[0] == pid:
                found = told[1]
        return found

    def close(self) -> None:
        """Let the kernel stop telling."""
        with suppress(OSError):
            self._socket.send(
                _request(self._family, _COMMAND_GET, _DEREGISTER_CPUS, self._cpus, _NLM_REQUEST)
            )
        self._socket.close()


def _family_of(netlink: socket.socket) -> int | None:
    netlink.send(_request(_CONTROL_FAMILY, _GET_FAMILY, _FAMILY_NAME, b"TASKSTATS\0", _NLM_REQUEST))
    answer = netlink.recv(1 << 16)
    if _HEADER.unpack_from(answer)[1] == _NLM_ERROR:
        return None
    found = dict(attributes(answer[_HEADER.size + _GENERIC.size :]))
    return int(struct.unpack("=H", found[_FAMILY_ID])[0]) if _FAMILY_ID in found else None


def _registered(netlink: socket.socket, family: int, cpus: bytes) -> bool:
    flags = _NLM_REQUEST | _NLM_ACK
    netlink.send(_request(family, _COMMAND_GET, _REGISTER_CPUS, cpus, flags))
    # Exits may come before the acknowledgement.
    while True:
        answer = netlink.recv(1 << 16)
        if _HEADER.unpack_from(answer)[1] == _NLM_ERROR:
            return int(struct.unpack_from("=i", answer, _HEADER.size)[0]) == 0
