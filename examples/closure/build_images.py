"""Build the images of containers.yaml: the Closure Compiler FROM scratch, native and as jar.

    python examples/closure/prepare.py && python examples/closure/build_images.py

The native image needs nothing but itself and its C library; the jar a Java runtime.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from rootfs import RootFs, build  # found in the folder above

HERE = Path(__file__).parent
BUILD = HERE / "build"
INPUTS = ("small.js", "large.js")
DOCKERFILE = """FROM scratch
COPY rootfs/ /
WORKDIR /closure
USER 65532:65532
ENV LANG=C.UTF-8
ENTRYPOINT {entrypoint}
"""


def main() -> None:
    """Build both images from what prepare.py fetched."""
    if not (BUILD / "compiler").exists():
        sys.exit("run examples/closure/prepare.py first")
    native = root("native")
    native.add(BUILD / "compiler", "/app/compiler")
    build(
        native.folder.parent,
        DOCKERFILE.format(entrypoint='["/app/compiler"]'),
        "headstart-closure:native",
    )
    jar = root("jar")
    home = (BUILD / "jre").resolve()
    jar.add_tree(home, "/jre")
    for binary in [home / "bin" / "java", *(home / "lib").glob("**/*.so")]:
        jar.add_libraries(binary)
    jar.add(BUILD / "compiler.jar", "/app/compiler.jar")
    entrypoint = '["/jre/bin/java", "-jar", "/app/compiler.jar"]'
    build(jar.folder.parent, DOCKERFILE.format(entrypoint=entrypoint), "headstart-closure:jar")


def root(name: str) -> RootFs:
    """A root file system with the inputs in /closure."""
    found = RootFs(BUILD / f"image-{name}" / "rootfs")
    for file in INPUTS:
        found.add(BUILD / file, f"/closure/{file}")
    return found


if __name__ == "__main__":
    main()
