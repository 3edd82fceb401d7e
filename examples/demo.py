"""The first run: the Java pair and the wasmtime pair, measured here and now.

As containers where a Docker Engine answers, else as processes of this machine.
"""

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
HEADSTART = Path(sys.executable).with_name("headstart")


def main() -> None:
    """Prepare both pairs, run both experiments, say where the reports lie."""
    engine = engine_answers()
    if engine:
        python("java/build_images.py")
    else:
        print("No Docker Engine answers: the Java pair runs as processes.", flush=True)
        python("java/prepare.py")
    python("wasmtime/prepare.py")
    statuses = [
        run("java/containers.yaml" if engine else "java/experiment.yaml"),
        run("wasmtime/experiment.yaml"),
    ]
    print("\nEvery report lies in .headstart/reports; open report.html in a browser.")
    # 1 says that a variant was rejected: a result, not a failure of the demo.
    sys.exit(max(status for status in (0, *statuses) if status != 1))


def engine_answers() -> bool:
    """Whether containers can be run here."""
    import docker

    try:
        client = docker.from_env(timeout=5)
        client.ping()
        client.close()
    except docker.errors.DockerException:
        return False
    return True


def python(script: str) -> None:
    """Run a script of the examples; its failure ends the demo."""
    subprocess.run([sys.executable, HERE / script], check=True)


def run(experiment: str) -> int:
    """Run an experiment; return its exit code."""
    width = shutil.get_terminal_size().columns
    print(f"\n{'─' * width}\nheadstart run examples/{experiment}\n", flush=True)
    return subprocess.run([HEADSTART, "run", HERE / experiment], check=False).returncode


if __name__ == "__main__":
    main()
