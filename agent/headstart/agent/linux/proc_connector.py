"""The kernel's own time of an exec and of an exit: netlink's proc connector.

It holds the gate's stamp to account, and stands in for it where an app cannot
start behind a gate; of a batch program it also checks the agent's stamp of the
exit. Its clock is CLOCK_MONOTONIC, and its stamps are taken at the end of execve
and, of each thread, right after those who wait for its exit were told. It speaks
to root in the host's own pid and network namespaces and is silent, without an
error, to all others.

Source: linux/cn_proc.h, linux/connector.h, drivers/connector/cn_proc.c,
kernel/exit.c.
"""

import contextlib
import ctypes
import errno
import os
import select
import socket
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from headstart.agent.deadline import Deadline

_NETLINK_CONNECTOR = 11
_CN_IDX_PROC = _CN_VAL_PROC = 1
_LISTEN, _IGNORE = 1, 2
_SO_RCVBUFFORCE = 33
_SO_ATTACH_FILTER = 26
_RECEIVE_BUFFER_BYTES = 1 << 20
_ACK_SECONDS = 0.2
_FLOOD_SECONDS = 0.25

_WHAT_ACK = 0
_WHAT_EXEC = 2
_WHAT_EXIT = 0x80000000

_NETLINK = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_CONNECTOR = struct.Struct("=IIIIHH")  # cn_msg: index, value, sequence, ack, length, flags
_EVENT = struct.Struct("=IIQII")  # proc_event: what, cpu, time, pid or error, tgid
_EVENT_AT = _NETLINK.size + _CONNECTOR.size
_TGID_AT = _EVENT_AT + 20

# Of a socket filter: load a word, compare, give back so many bytes of the message.
_LOAD_WORD, _JUMP_IF_EQUAL, _GIVE_BACK = 0x20, 0x15, 0x06
_EVERYTHING, _NOTHING = 0xFFFFFFFF, 0
_Instruction = tuple[int, int, int, int]


@dataclass(frozen=True)
class ProcEvent:
    """One event. `pid`: the process of an exec or a thread's exit; errno in an acknowledgement."""

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
        # An exec by another thread makes it the leader, and a process has ended with the
        # last of its threads, which need not be the leader: only the tgid is sure.
        pid = first if what == _WHAT_ACK else tgid
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


def _execs() -> list[_Instruction]:
    """Drops forks and exits, so that no buffer fills."""
    return [
        (_LOAD_WORD, 0, 0, _EVENT_AT),
        (_JUMP_IF_EQUAL, 1, 0, _in_network_order(_WHAT_ACK)),
        (_JUMP_IF_EQUAL, 0, 1, _in_network_order(_WHAT_EXEC)),
        (_GIVE_BACK, 0, 0, _EVERYTHING),
        (_GIVE_BACK, 0, 0, _NOTHING),
    ]


def _execs_and_exits_of(pid: int) -> list[_Instruction]:
    """Drops what is of other processes: on a busy host their exits would fill the buffer."""
    return [
        (_LOAD_WORD, 0, 0, _TGID_AT),
        (_JUMP_IF_EQUAL, 0, 4, _in_network_order(pid)),
        (_LOAD_WORD, 0, 0, _EVENT_AT),
        (_JUMP_IF_EQUAL, 1, 0, _in_network_order(_WHAT_EXEC)),
        (_JUMP_IF_EQUAL, 0, 1, _in_network_order(_WHAT_EXIT)),
        (_GIVE_BACK, 0, 0, _EVERYTHING),
        (_GIVE_BACK, 0, 0, _NOTHING),
    ]


def _in_network_order(word: int) -> int:
    """A filter loads in network order what the kernel wrote in the host's."""
    return socket.htonl(word)


def _filter(connector: socket.socket, instructions: Sequence[_Instruction]) -> None:
    """Let the kernel drop what nobody will ask for; replaces the filter before."""
    program = b"".join(struct.pack("=HBBI", *instruction) for instruction in instructions)
    held = ctypes.create_string_buffer(program, len(program))
    header = _Program(len(instructions), ctypes.addressof(held))
    connector.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, bytes(header))


class ProcConnector:
    """Events of this host, read when asked for; one start or execution is watched at a time."""

    def __init__(self, connector: socket.socket) -> None:
        """Use `open`, which knows whether the kernel answers."""
        self._socket = connector
        # Times that the kernel had to drop events because nobody read them.
        self.overruns = 0
        self._overruns_before = 0

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
            _filter(connector, _execs())
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

    def exit_ns(self, pid: int, timeout_seconds: float) -> int | None:
        """Time at which the last thread of `pid` ended; it must be watched and have ended.

        None: no exit was seen within the time, or one may have been lost. What is
        there of its exec must have been asked for before.
        """
        last_ns = 0
        for event in self._events(timeout_seconds):
            if (event.what, event.pid) == (_WHAT_EXIT, pid):
                last_ns = event.monotonic_ns
                break
        for event in self._events(0):
            if (event.what, event.pid) == (_WHAT_EXIT, pid):
                last_ns = max(last_ns, event.monotonic_ns)
        # With threads without number the last exit may have found no room.
        return last_ns if last_ns and self.overruns == self._overruns_before else None

    def forget(self) -> None:
        """Drop what has gathered, so that the events of the next start find room."""
        _filter(self._socket, _execs())
        self._drain()

    def watch(self, pid: int) -> None:
        """As `forget`, but keep exec and exits of this one process, and nothing else."""
        _filter(self._socket, _execs_and_exits_of(pid))
        self._drain()
        self._overruns_before = self.overruns

    def _drain(self) -> None:
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
        deadline = Deadline(timeout_seconds)
        # Where events come faster than they are read, as when something forks without end.
        flood = Deadline(timeout_seconds + _FLOOD_SECONDS)
        while not flood.passed():
            try:
                yield from parse(self._socket.recv(1 << 16, socket.MSG_DONTWAIT))
            except BlockingIOError:
                left = deadline.left()
                if not left or not select.select([self._socket], [], [], left)[0]:
                    return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self.overruns += 1
