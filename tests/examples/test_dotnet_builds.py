"""The .NET example that `headstart run` builds itself: JIT and Native AOT, from one source."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.running import free_port, run

EXAMPLES = Path(__file__).parents[2] / "examples" / "dotnet-players"
BASES = {
    "dotnet-players/sdk": "local/dotnet-sdk:10.0",
    "dotnet-players/aspnet": "local/dotnet-aspnet-debian:10.0",
    "dotnet-players/deps": "local/debian:12",
    "dotnet-players/aspnet-chiseled": "local/dotnet-aspnet-deps:10.0",
    "dotnet-players/deps-chiseled": "local/dotnet-deps:10.0",
}
NAME = "dotnet-build-test"


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


def building(file: str, port: int) -> dict[str, Any]:
    """An example's experiment, each variant built once, of the bases that are here."""
    content: dict[str, Any] = yaml.safe_load((EXAMPLES / file).read_text())
    for variant in content["variants"].values():
        build = variant["build"]
        build["context"] = str(EXAMPLES / build["context"])
        build["arguments"] = {key: BASES[name] for key, name in build["arguments"].items()}
        build["clean_repetitions"] = 1
        build["network"] = "none"
        variant["env"] = {"ASPNETCORE_URLS": f"http://+:{port}"}
    # One block decides none of them.
    content.pop("gates", None)
    content["experiment"] = NAME
    content["service"]["port"] = port
    content["plan"] = {"blocks": 1, "idle": "100ms", "quiet": "0s"}
    return content


@pytest.mark.dotnet
@pytest.mark.timeout(700)  # 45 s on two quiet cores
def test_its_builds_are_told_by_part_and_native_aot_costs_more(
    images: None, tmp_path: Path
) -> None:
    ran = run(tmp_path, building("players-build.yaml", free_port()), timeout_seconds=600)
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


@pytest.mark.dotnet
@pytest.mark.timeout(900)  # 3 minutes on two quiet cores
def test_a_thousand_warnings_are_told_by_package_and_probes_say_what_they_are_worth(
    images: None, tmp_path: Path
) -> None:
    port = free_port()
    content = building("probes.yaml", port)
    content["variants"]["mvc"] = building("squad-build.yaml", port)["variants"]["aot"]
    ran = run(tmp_path, content, timeout_seconds=800)
    report = ran.report()
    found = {d["variant"]: d for d in report["diagnostics"]}
    worth = {
        (check["package"], check["variant"]): check["working"] for check in report["package_checks"]
    }
    blocking = {
        group["package"] for group in found["aot"]["groups"] if group["category"] == "blocking"
    }

    # The build succeeds with all its warnings, and what it built dies at start.
    assert ran.variant("mvc")["outcome"] == "does not start"
    assert "AutoMapper" in ran.variant("mvc")["output_tail"]
    assert 800 < sum(group["findings"] for group in found["mvc"]["groups"]) < 1_300
    assert {"AutoMapper", "Microsoft.EntityFrameworkCore"} <= {
        group["package"] for group in found["mvc"]["groups"]
    }
    assert worth["AutoMapper", "aot"] == worth["Microsoft.EntityFrameworkCore*", "aot"] == "broken"
    assert worth["FluentValidation", "aot"] == "works"
    assert {"AutoMapper", "Microsoft.EntityFrameworkCore"} <= blocking
