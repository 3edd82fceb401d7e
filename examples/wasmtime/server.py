"""A WebAssembly module behind HTTP: compiled at start (JIT) or loaded precompiled (AOT).

    python server.py PORT module.wasm | module.cwasm

GET /health answers at once; GET /mix?n=1000 calls into the module.
"""

import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import wasmtime


def load(path: Path) -> Callable[[int], int]:
    """The exported function `mix`, from WebAssembly or from compiled code."""
    engine = wasmtime.Engine()
    if path.suffix == ".cwasm":
        module = wasmtime.Module.deserialize_file(engine, str(path))
    else:
        module = wasmtime.Module(engine, path.read_bytes())
    store = wasmtime.Store(engine)
    function = wasmtime.Instance(store, module, []).exports(store)["mix"]
    lock = threading.Lock()

    def mix(count: int) -> int:
        # A store belongs to one thread at a time.
        with lock:
            return function(store, count) & 0xFFFFFFFF

    return mix


def serve(connection: socket.socket, mix: Callable[[int], int]) -> None:
    """Answer requests on one connection until the client ends it."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    pending = b""
    with connection:
        while True:
            head, separator, rest = pending.partition(b"\r\n\r\n")
            if not separator:
                received = connection.recv(65536)
                if not received:
                    return
                pending += received
                continue
            pending = rest
            target = head.split(b" ", 2)[1].decode()
            connection.sendall(answer(target, mix))


def answer(target: str, mix: Callable[[int], int]) -> bytes:
    """The whole response to one request."""
    status, body = "404 Not Found", "{}"
    if target == "/health":
        status, body = "200 OK", '{"status":"ok"}'
    elif target.startswith("/mix?n="):
        status, body = "200 OK", f'{{"mixed":{mix(int(target[7:]))}}}'
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def main() -> None:
    port, path = int(sys.argv[1]), Path(sys.argv[2])
    mix = load(path)
    listener = socket.create_server(("127.0.0.1", port), backlog=128)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection, mix), daemon=True).start()


if __name__ == "__main__":
    main()
