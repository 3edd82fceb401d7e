"""Docker Engines beside this host's: each with images and containers of its own."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import docker
import pytest

from support.waiting import wait_until


@contextmanager
def engine(folder: Path) -> Iterator[str]:
    """An engine that holds nothing; its address, for DOCKER_HOST. Skips where none can be.

    It pulls from registries on this host's loopback, and makes no network: containers have a
    loopback and nothing else.
    """
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        pytest.skip("an engine of its own needs root and dockerd")
    address = f"unix://{folder}/docker.sock"
    folder.mkdir(parents=True)
    command = ["dockerd", "--host", address, "--bridge=none", "--iptables=false"]
    for option, name in (("data-root", "data"), ("exec-root", "exec"), ("pidfile", "pid")):
        command += [f"--{option}", str(folder / name)]
    with open(folder / "log", "w") as log:
        # Ends with whoever started it, SIGKILL too.
        dying = ["setpriv", "--pdeathsig", "TERM"]
        process = subprocess.Popen([*dying, *command], stdout=log, stderr=log)
    try:
        wait_until(lambda: process.poll() is not None or _answers(address), 60)
        if process.poll() is not None:
            pytest.skip(f"no second engine starts here: {(folder / 'log').read_text()[-300:]}")
        yield address
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(folder / "data")


def held(address: str) -> dict[str, list[str]]:
    """What an engine has: images by tag or id, containers and volumes by name."""
    with closing(docker.APIClient(base_url=address)) as client:
        images = [(each["RepoTags"] or [each["Id"]])[0] for each in client.images(all=True)]
        containers = [each["Names"][0] for each in client.containers(all=True)]
        volumes = [each["Name"] for each in client.volumes()["Volumes"] or ()]
    return {"images": images, "containers": containers, "volumes": volumes}


def _answers(address: str) -> bool:
    # docker-py's own attempt leaves a socket behind.
    asked = ["docker", "--host", address, "version"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0
