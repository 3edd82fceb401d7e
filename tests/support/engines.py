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

_BRIDGES = "hst-"


@contextmanager
def engine(folder: Path) -> Iterator[str]:
    """An engine that holds nothing; its address, for DOCKER_HOST. Skips where none can be.

    For root. It pulls from registries on this host's loopback.
    """
    if missing := [name for name in ("dockerd", "ip", "setpriv") if shutil.which(name) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    address = f"unix://{folder}/docker.sock"
    folder.mkdir(parents=True)
    # Without a bridge (`--bridge=none`) it would remove docker0, which is the host's engine's.
    bridge = f"{_BRIDGES}{os.getpid()}-{folder.name[:1]}"
    command = ["dockerd", "--host", address, "--bridge", bridge, "--iptables=false"]
    command += ["--ip-forward=false", "--ip-masq=false"]
    for option, name in (("data-root", "data"), ("exec-root", "exec"), ("pidfile", "pid")):
        command += [f"--{option}", str(folder / name)]
    _remove_bridges_of_the_dead()
    _ip("link", "add", bridge, "type", "bridge")
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
        _ip("link", "delete", bridge)
        shutil.rmtree(folder / "data")


def held(address: str | None = None) -> dict[str, list[str]]:
    """What an engine, or this host's, has: images by tag or id, containers, volumes by name."""
    with closing(docker.APIClient(base_url=address)) as client:
        images = [(each["RepoTags"] or [each["Id"]])[0] for each in client.images(all=True)]
        containers = [each["Names"][0] for each in client.containers(all=True)]
        volumes = [each["Name"] for each in client.volumes()["Volumes"] or ()]
    return {"images": images, "containers": containers, "volumes": volumes}


def _answers(address: str) -> bool:
    # docker-py's own attempt leaves a socket behind.
    asked = ["docker", "--host", address, "version"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def _remove_bridges_of_the_dead() -> None:
    for link in Path("/sys/class/net").glob(f"{_BRIDGES}*"):
        owner = link.name.removeprefix(_BRIDGES).partition("-")[0]
        if not Path("/proc", owner).exists():
            _ip("link", "delete", link.name)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)
