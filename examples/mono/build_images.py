"""Build the images of experiment.yaml: one C# program under Mono, compiled in three ways.

    apt-get install mono-runtime mono-mcs
    python examples/mono/build_images.py

`jit` compiles every method as it is called, `interpreter` none, `full-aot` all of them and
those of the class library beforehand. The class library is copied without Debian's
precompiled one beside it, which Mono would load without a word.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from rootfs import RootFs, build  # found in the folder above

HERE = Path(__file__).parent
BUILD = HERE / "build"
LIBRARY = Path("/usr/lib/mono/4.5")
ASSEMBLIES = [
    "mscorlib",
    "System",
    "System.Core",
    "System.Xml",
    "System.Configuration",
    "System.Security",
    "System.Numerics",
    "Mono.Security",
]
DOCKERFILE = """FROM scratch
COPY rootfs/ /
WORKDIR /app
USER 65532:65532
ENV MONO_PATH=/app
ENTRYPOINT ["/usr/bin/mono-sgen"{flag}, "/app/app.exe", "9413"]
"""


def main() -> None:
    """Build the three images; a message when Mono is not there."""
    if missing := [name for name in ("mono-sgen", "mcs") if shutil.which(name) is None]:
        sys.exit(f"not installed: {', '.join(missing)}: apt-get install mono-runtime mono-mcs")
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir()
    program = BUILD / "app.exe"
    subprocess.run(["mcs", "-optimize+", f"-out:{program}", HERE / "src" / "App.cs"], check=True)
    for name, flag in (("jit", ""), ("interpreter", ', "--interpreter"')):
        root_fs(BUILD / name, program)
        build(BUILD / name, DOCKERFILE.format(flag=flag), f"headstart-mono:{name}")
    root = root_fs(BUILD / "full-aot", program)
    compile_all(root / "app")
    build(BUILD / "full-aot", DOCKERFILE.format(flag=', "--full-aot"'), "headstart-mono:full-aot")


def root_fs(context: Path, program: Path) -> Path:
    """Mono, the program and the assemblies that it loads; returns the root folder."""
    root = RootFs(context / "rootfs")
    root.add(Path("/usr/bin/mono-sgen"))
    root.add(Path("/usr/lib/libmono-native.so"))
    root.add(Path("/usr/lib/libmono-native.so"), "/usr/lib/libmono-native.so.0")
    root.add(Path("/etc/mono/config"))
    root.add(Path("/etc/mono/4.5/machine.config"))
    root.add(program, "/app/app.exe")
    for assembly in ASSEMBLIES:
        root.add(LIBRARY / f"{assembly}.dll", f"/app/{assembly}.dll")
    return root.folder


def compile_all(folder: Path) -> None:
    """Full AOT needs the machine code of every assembly that is referenced."""
    environment = {**os.environ, "MONO_PATH": "."}
    for assembly in sorted([*folder.glob("*.dll"), folder / "app.exe"]):
        subprocess.run(
            ["mono", "--aot=full", assembly.name],
            cwd=folder,
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    subprocess.run(["strip", "--strip-unneeded", *folder.glob("*.so")], check=True)


if __name__ == "__main__":
    main()
