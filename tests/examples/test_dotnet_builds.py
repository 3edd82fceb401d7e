"""The .NET example that `headstart run` builds itself: JIT and Native AOT, from one source."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from support.running import free_port, run

EXAMPLE = Path(__file__).parents[2] / "examples" / "dotnet-players" / "players-build.yaml"
BASES = {
    "dotnet-players/sdk": "local/dotnet-sdk:10.0",
    "dotnet-players/aspnet-chiseled": "local/dotnet-aspnet-deps:10.0",
    "dotnet-players/deps-chiseled": "local/dotnet-deps:10.0",
}
NAME = "players-build-test"


@pytest.fixture
def images() -> Iterator[None]:
    """The bases are here, and what is built on them is gone at the end."""
    command = ["docker", "image", "inspect", *BASES.values()]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("the .NET SDK image is not loaded")
    yield
    listed = ["docker", "images", "-q", f"headstart/{NAME}"]
    built = subprocess.run(listed, check=True, capture_output=True, text=True).stdout.split()
    subprocess.run(["docker", "rmi", "-f", *built], check=False, capture_output=True)


@pytest.mark.dotnet
@pytest.mark.timeout(700)  # 45 s on two quiet cores
def test_its_builds_are_told_by_part_and_native_aot_costs_more(
    images: None, tmp_path: Path
) -> None:
    content, port = yaml.safe_load(EXAMPLE.read_text()), free_port()
    for variant in content["variants"].values():
        build = variant["build"]
        build["context"] = str(EXAMPLE.parent / build["context"])
        build["arguments"] = {key: BASES[name] for key, name in build["arguments"].items()}
        build["clean_repetitions"] = 1
        build["network"] = "none"
        variant["env"] = {"ASPNETCORE_URLS": f"http://+:{port}"}
    content["service"]["port"] = port
    content["plan"] = {"blocks": 1, "idle": "100ms", "quiet": "0s"}
    ran = run(tmp_path, content | {"experiment": NAME}, timeout_seconds=600)
    jit, aot = ran.report()["builds"]
    parts = {
        build["variant"]: [part["name"] for stage in build["stages"] for part in stage["parts"]]
        for build in (jit, aot)
    }

    assert [ran.variant(name)["outcome"] for name in ("jit", "aot")] == ["measured", "measured"]
    assert parts == {
        "jit": ["restore", "compile", "publish"],
        "aot": ["restore", "compile", "ILC", "link"],
    }
    assert aot["seconds"] > jit["seconds"]
    assert aot["anonymous_peak_bytes"] > 2 * jit["anonymous_peak_bytes"]
    assert aot["cpu_seconds"] > jit["cpu_seconds"]
