"""The programs of `bench.observer`: an app that counts, a generator, the agent's part.

Server on the first CPU, generator and agent on the last, as a host of two has it.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

_CONNECTIONS = 16
# Of server and generator where this user may raise it: they get more of a shared core.
_NICE = -10
_SERVER_CPU = min(os.sched_getaffinity(0))
_LOAD_CPU = max(os.sched_getaffinity(0))

# Reads and writes its sockets by read(2) and write(2), which the kernel counts in
# /proc/PID/io: an answer is one write. Its work keeps it busier than any generator.
_SERVER = """
import json, os, select, socket
listener = socket.create_server(("127.0.0.1", 0), backlog=256)
print(listener.getsockname()[1], flush=True)
poll, sockets = select.epoll(), {}
poll.register(listener, select.EPOLLIN)
while True:
    for number, _ in poll.poll():
        if number == listener.fileno():
            client, _ = listener.accept()
            sockets[client.fileno()] = client
            poll.register(client, select.EPOLLIN)
        elif os.read(number, 65536):
            body = json.dumps({"players": [{"name": "Ada", "number": n} for n in range(8)]})
            head = "HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body)
            os.write(number, (head + body).encode())
        else:
            sockets.pop(number).close()
"""

# Samples and spools until its stdin ends.
_AGENT = """
import json, sys, time
from pathlib import Path
from headstart.agent.sampling.sampler import Sampler
from headstart.agent.uplink.spool import Spool
from headstart.agent.uplink.wire import envelope_of
pid, folder = json.loads(sys.argv[1])
spool = Spool(Path(folder))
sampler = Sampler(
    1, lambda: [pid], None, 0.02, lambda batch: spool.append(envelope_of(batch, "bench", 1))
)
sampler.start(time.monotonic_ns())
print("on", flush=True)
sys.stdin.readline()
"""


@contextlib.contextmanager
def serving() -> Iterator[tuple[int, int]]:
    """The server's pid and port."""
    command = [sys.executable, "-S", "-c", _SERVER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        _place(process.pid, _SERVER_CPU)
        assert process.stdout is not None
        try:
            yield process.pid, int(process.stdout.readline())
        finally:
            process.kill()


@contextlib.contextmanager
def loading(tool: str, port: int) -> Iterator[None]:
    """A generator that goes on until it is ended."""
    argv = {
        "wrk": ["wrk", "-t1", f"-c{_CONNECTIONS}", "-d600s"],
        "h2load": ["h2load", "--h1", f"-c{_CONNECTIONS}", "-D", "600"],
    }[tool]
    place = ["taskset", "-c", str(_LOAD_CPU)]
    command = [*place, *argv, f"http://127.0.0.1:{port}/"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        _place(process.pid, _LOAD_CPU)
        try:
            time.sleep(1)
            yield
            assert process.poll() is None, "the generator ended before the benchmark did"
        finally:
            process.kill()


@contextlib.contextmanager
def sampling(pid: int, folder: Path) -> Iterator[int]:
    """The pid of a sampler with its spool on the generator's CPU; warm, and stopped."""
    command = [sys.executable, "-c", _AGENT, json.dumps([pid, str(folder)])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        os.sched_setaffinity(process.pid, {_LOAD_CPU})
        assert process.stdout is not None
        try:
            process.stdout.readline()
            time.sleep(2)
            os.kill(process.pid, signal.SIGSTOP)
            yield process.pid
        finally:
            process.kill()


def _place(pid: int, cpu: int) -> None:
    os.sched_setaffinity(pid, {cpu})
    if _SERVER_CPU != _LOAD_CPU:
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, pid, _NICE)
