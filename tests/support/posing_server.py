"""A way to a PostgreSQL server on which it says of itself what it is not."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def posing(server: Path, own: Path, changed: Callable[[bytes], bytes]) -> Iterator[None]:
    """`own` is a socket that leads to that of the server, whose bytes are `changed`."""
    ends: list[socket.socket] = []

    def copy(source: socket.socket, target: socket.socket, by: Callable[[bytes], bytes]) -> None:
        with suppress(OSError):
            while got := source.recv(65536):
                target.sendall(by(got))
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                there = socket.socket(socket.AF_UNIX)
                ends.extend((client, there))
                there.connect(str(server))
                for way in ((client, there, lambda got: got), (there, client, changed)):
                    threads.append(threading.Thread(target=copy, args=way))
                    threads[-1].start()

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(own))
        listener.listen()
        threads = [threading.Thread(target=accept)]
        threads[0].start()
        try:
            yield
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            threads[0].join()
            for end in ends:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()
            for end in ends:
                end.close()
