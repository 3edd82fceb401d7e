"""What a probe asks: its goals, one after the other, and the requests for each."""

import socket
import ssl
from dataclasses import dataclass

from headstart.agent.http.app_tls import TlsSocket, client_context, server_name
from headstart.agent.http.response import Answer
from headstart.agent.http.serialise import authority, serialise
from headstart.agent.probe.task import ProbeTask
from headstart.v1.experiment_pb2 import HttpCheck

Sock = socket.socket | TlsSocket


@dataclass(eq=False)
class Asked:
    """A request on its connection, and what has come of its answer."""

    sock: Sock
    answer: Answer
    # When it was to be asked, when it was, when last nothing was there, and when its last byte was.
    asked_ns: int
    sent_ns: int = 0
    nothing_ns: int = 0
    stamp_ns: int = 0
    # Whether the last look found something, and whether any did.
    heard: bool = False
    begun: bool = False


@dataclass(eq=False)
class Goal:
    """A request that is to be answered correctly, and what was seen of it."""

    check: HttpCheck
    port: int
    request: bytes
    tls: ssl.SSLContext | None
    server_name: str
    # The last connect for it that was refused, or when it was first asked for, and the first
    # that succeeded; 0: the connection of the step before served.
    last_refused_ns: int = 0
    connected_ns: int = 0
    # The last pause after a wrong answer, and the stamp of the correct one.
    pause_ns: int = 0
    answered_ns: int = 0

    @classmethod
    def of(cls, check: HttpCheck, task: ProbeTask) -> "Goal":
        port = task.port_of(check)
        own = check if check.port else task
        return cls(
            check=check,
            port=port,
            request=serialise(check.request, authority(task.address, port)),
            tls=client_context(own.tls_verified) if own.tls else None,
            server_name=server_name(check.request, task.address),
        )


def kept(sock: Sock | None, at: Goal | None, goal: Goal) -> Sock | None:
    """The connection of the goal before, closed unless it leads to where the next one is asked."""
    if sock is not None and at is not None and at.port != goal.port:
        sock.close()
        return None
    return sock
