"""Images FROM scratch of a static program, made in a second without a registry."""

import io
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import docker

SOURCE = Path(__file__).parent / "app.c"


def build_app(folder: Path, source: Path = SOURCE) -> Path:
    """Compile `app.c`, or another program, into a static one."""
    program = folder / "app"
    subprocess.run(["gcc", "-O1", "-static", "-o", program, source], check=True)
    return program


@contextmanager
def image_of(
    program: Path, name: str, changes: Sequence[str] = (), data: Path | None = None
) -> Iterator[str]:
    """An image with the program as /bin/app and Dockerfile instructions; removed at the end.

    `data` becomes its /data.
    """
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        tar.add(program, "bin/app")
        if data is not None:
            tar.add(data, "data")
    client = docker.APIClient()
    try:
        repository, tag = name.split(":")
        client.import_image_from_data(
            layer.getvalue(), repository, tag, changes=["ENV PATH=/bin", *changes]
        )
        try:
            yield name
        finally:
            client.remove_image(name, force=True)
    finally:
        client.close()
