"""The questions that an AOT cache is trained on: those of the experiment."""

import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable

# Not the experiment's port: a training never meets a running trial.
PORT = 9419
REQUESTS = 300


def ask_all(alive: Callable[[], bool]) -> None:
    """Ask the server on PORT; waits up to 20 s for it to listen, exits when it died."""
    for _ in range(REQUESTS):
        _ask("/health", alive)
        _ask("/orders?n=200", alive)


def _ask(target: str, alive: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{PORT}{target}", timeout=10) as answer:
                answer.read()
            return
        except urllib.error.URLError as error:
            if not alive():
                sys.exit("Java ended before it answered; its output is above")
            if time.monotonic() > deadline:
                sys.exit(f"Java did not answer on port {PORT}: {error}")
            time.sleep(0.02)
