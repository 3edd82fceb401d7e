"""The image of PostgreSQL: Debian's packages of it FROM scratch, with a database inside.

A container of it is ready in a fraction of a second: `initdb` ran when the image was built. It
has neither a shell nor a package manager, and runs as user 65532. Its settings are those of a
database that lives as long as one trial.
"""

import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from debian_packages import Packages  # found beside this file
from rootfs import RootFs, build  # found in the folder above

IMAGE = "postgres-example:15"
# Of the superuser `postgres`, over TCP. In an image that anybody may read, so no secret.
PASSWORD = "example-only"  # noqa: S105
PACKAGES = ("postgresql-15", "postgresql-client-15", "tzdata", "dash")

_HOME = "/usr/lib/postgresql/15"
_SHARE = "/usr/share/postgresql/15"
_DATA = "/var/lib/postgresql/data"
_PROGRAMS = ("postgres", "psql", "pg_isready")
# Of the build alone; initdb starts the server through a shell.
_MAKERS = {f"{_HOME}/bin/initdb": f"{_HOME}/bin/initdb", "/bin/dash": "/bin/sh"}
_SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = '/tmp'
max_connections = 50
shared_buffers = 32MB
# The data lives no longer than its container: nothing is waited for on a disk that the app
# shares with whatever else writes to it. Not for data that anybody wants to keep.
fsync = off
synchronous_commit = off
full_page_writes = off
# No work of its own while something is measured.
autovacuum = off
log_timezone = 'Etc/UTC'
timezone = 'Etc/UTC'
"""
_DOCKERFILE = f"""FROM scratch AS made
COPY rootfs/ /
COPY makers/ /
COPY --chown=65532:65532 var/ /var/lib/postgresql/
USER 65532:65532
RUN ["{_HOME}/bin/initdb", "--pgdata={_DATA}", "--username=postgres", "--pwfile=/etc/password", \\
  "--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C", \\
  "--wal-segsize=1", "--no-sync", "--no-instructions"]
COPY --chown=65532:65532 postgresql.conf {_DATA}/postgresql.conf

FROM scratch
COPY rootfs/ /
COPY --from=made --chown=65532:65532 /var/lib/postgresql/ /var/lib/postgresql/
USER 65532:65532
ENV PATH={_HOME}/bin PGHOST=/tmp PGUSER=postgres LANG=C.UTF-8
# "Fast" shutdown: without waiting for clients.
STOPSIGNAL SIGINT
EXPOSE 5432
ENTRYPOINT ["{_HOME}/bin/postgres", "-D", "{_DATA}"]
"""


def build_postgres(packages: Packages, context: Path) -> None:
    """Build the image from what the packages hold."""
    shutil.rmtree(context, ignore_errors=True)
    root = RootFs(context / "rootfs")
    (root.folder / "etc" / "passwd").write_text("postgres:x:65532:65532:::/none\n")
    # All of it but what the compiler of queries would need, and headers.
    root.add_tree(packages.file(f"{_HOME}/lib"), f"{_HOME}/lib")
    for unwanted in ("bitcode", "pgxs", "llvmjit.so", "llvmjit_types.bc"):
        path = root.folder / _HOME.lstrip("/") / "lib" / unwanted
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    root.add_tree(packages.file(_SHARE), _SHARE)
    shutil.rmtree(root.folder / _SHARE.lstrip("/") / "man")
    programs = [f"{_HOME}/bin/{name}" for name in _PROGRAMS]
    for path in [*programs, "/usr/share/zoneinfo/Etc/UTC"]:
        _copy(packages.file(path), root.folder, path)
    modules = (root.folder / _HOME.lstrip("/") / "lib").glob("*.so")
    for linked in [*(packages.file(path) for path in programs), *modules]:
        for target, library in packages.libraries_of(linked).items():
            _copy(library, root.folder, target)
    for path, target in _MAKERS.items():
        _copy(packages.file(path), context / "makers", target)
    (context / "makers" / "etc").mkdir()
    (context / "makers" / "etc" / "password").write_text(f"{PASSWORD}\n")
    (context / "var").mkdir()
    sample = packages.file(f"{_SHARE}/postgresql.conf.sample").read_text()
    (context / "postgresql.conf").write_text(sample + _SETTINGS)
    build(context, _DOCKERFILE, IMAGE)


def _copy(source: Path, root: Path, target: str) -> None:
    destination = root / target.lstrip("/")
    destination.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, destination)
