"""The kernel's own time of an exec: netlink's proc connector.

It holds the gate's stamp to account, and stands in for it where an app cannot
start behind a gate. Its clock is CLOCK_MONOTONIC, and its stamp is taken at the
end of execve. It speaks to root in the host's own pid and network namespaces
and is silent, without an error, to all others.

Source: linux/cn_proc.h, linux/connector.h, drivers/connector/cn_proc.c.
"""

import contextlib
import ctypes
import errno
import os
import select
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

_NETLINK_CONNECTOR = 11
_CN_IDX_PROC = _CN_VAL_PROC = 1
_LISTEN, _IGNORE = 1, 2
_SO_RCVBUFFORCE = 33
_SO_ATTACH_FILTER = 26
_RECEIVE_BUFFER_BYTES = 1 << 20
_ACK_SECONDS = 0.2

_WHAT_ACK = 0
_WHAT_EXEC = 2

_NETLINK = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_CONNECTOR = struct.Struct("=IIIIHH")  # cn_msg: index, value, sequence, ack, length, flags
_EVENT = struct.Struct("=IIQII")  # proc_event: what, cpu, time, pid or error, tgid
_EVENT_AT = _NETLINK.size + _CONNECTOR.size


@dataclass(frozen=True)
class ProcEvent:
    """One event. `pid` is the process in an exec and the errno in an acknowledgement."""

    what: int
    monotonic_ns: int
    pid: int
    acknowledges: int


def parse(datagram: bytes) -> Iterator[ProcEvent]:
    """The events of a datagram; a message too short to hold one ends it."""
    at = 0
    while at + _EVENT_AT + _EVENT.size <= len(datagram):
        length = _NETLINK.unpack_from(datagram, at)[0]
        _, _, _, acknowledges, _, _ = _CONNECTOR.unpack_from(datagram, at + _NETLINK.size)
        what, _, monotonic_ns, first, tgid = _EVENT.unpack_from(datagram, at + _EVENT_AT)
        # An exec by another thread makes it the leader: only the tgid is sure.
        pid = tgid if what == _WHAT_EXEC else first
        yield ProcEvent(what, monotonic_ns, pid, acknowledges)
        at += max((length + 3) & ~3, _NETLINK.size)


def _request(operation: int, number: int) -> bytes:
    # The four-byte form: kernels from 6.6 also take an event mask, older ones only this.
    payload = struct.pack("=I", operation)
    message = _CONNECTOR.pack(_CN_IDX_PROC, _CN_VAL_PROC, 0, number, len(payload), 0) + payload
    done = 3  # NLMSG_DONE
    return _NETLINK.pack(_NETLINK.size + len(message), done, 0, 0, os.getpid()) + message


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def _keep_only_execs(connector: socket.socket) -> None:
    """Let the kernel drop forks and exits, so that nobody wakes up and no buffer fills."""
    load_word, jump_if_equal, give_back = 0x20, 0x15, 0x06
    everything = 0xFFFFFFFF
    # The filter loads in network order what the kernel wrote in the host's.
    program = b"".join(
        struct.pack("=HBBI", *instruction)
        for instruction in (
            (load_word, 0, 0, _EVENT_AT),
            (jump_if_equal, 1, 0, socket.htonl(_WHAT_ACK)),
            (jump_if_equal, 0, 1, socket.htonl(_WHAT_EXEC)),
            (give_back, 0, 0, everything),
            (give_back, 0, 0, 0),
        )
    )
    instructions = ctypes.create_string_buffer(program, len(program))
    header = _Program(len(program) // 8, ctypes.addressof(instructions))
    connector.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, bytes(header))


class ProcConnector:
    """Exec events of this host, read when asked for; one start is watched at a time."""

    def __init__(self, connector: socket.socket) -> None:
        """Use `open`, which knows whether the kernel answers."""
        self._socket = connector
        # Times that the kernel had to drop events because nobody read them.
        self.overruns = 0

    @classmethod
    def open(cls) -> Self | None:
        """None where the kernel does not acknowledge: not root, or in another namespace."""
        try:
            connector = socket.socket(
                socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, _NETLINK_CONNECTOR
            )
        except OSError:
            return None
        try:
            _keep_only_execs(connector)
            connector.bind((0, _CN_IDX_PROC))
            connector.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER_BYTES)
            opened = cls(connector)
            if opened._listen():
                return opened
        except OSError:
            pass
        connector.close()
        return None

    def exec_ns(self, pid: int, not_before_ns: int, timeout_seconds: float) -> int | None:
        """Time of the first exec of host process `pid` from `not_before_ns` on.

        None: it was not seen within the time, or the event was lost. Events of
        other processes are forgotten.
        """
        for event in self._events(timeout_seconds):
            # The gate was executed too, on the same pid, but before.
            if (event.what, event.pid) == (_WHAT_EXEC, pid) and event.monotonic_ns >= not_before_ns:
                return event.monotonic_ns
        return None

    def forget(self) -> None:
        """Drop what has gathered, so that the events of the next start find room."""
        for _ in self._events(0):
            pass

    def close(self) -> None:
        """Stop listening."""
        with contextlib.suppress(OSError):
            self._socket.send(_request(_IGNORE, 0))
        self._socket.close()

    def _listen(self) -> bool:
        # Acknowledgements go to all listeners. Ours holds our number plus one.
        number = int.from_bytes(os.urandom(3), "little")
        self._socket.send(_request(_LISTEN, number))
        for event in self._events(_ACK_SECONDS):
            if event.what == _WHAT_ACK and event.acknowledges == number + 1:
                return event.pid == 0
        return False

    def _events(self, timeout_seconds: float) -> Iterator[ProcEvent]:
        """What is there, and what comes within the time."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            try:
                yield from parse(self._socket.recv(1 << 16, socket.MSG_DONTWAIT))
            except BlockingIOError:
                left = deadline - time.monotonic()
                if left <= 0 or not select.select([self._socket], [], [], left)[0]:
                    return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self.overruns += 1
