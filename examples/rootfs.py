"""Root file systems for images FROM scratch, put together from files of this machine."""

import re
import shutil
import subprocess
from pathlib import Path

import docker


class RootFs:
    """A folder that becomes an image: files at their own paths, with the libraries they need."""

    def __init__(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self.folder = folder
        (folder / "etc").mkdir(parents=True)
        (folder / "tmp").mkdir()
        (folder / "tmp").chmod(0o1777)
        (folder / "etc" / "passwd").write_text("app:x:65532:65532:app:/app:/none\n")
        (folder / "etc" / "hosts").write_text("127.0.0.1 localhost\n")

    def add(self, source: Path, target: str | None = None) -> None:
        """A file, at `target` or its own path, and every shared library that it is linked with."""
        self._copy(source, target or str(source))
        self.add_libraries(source)

    def add_libraries(self, source: Path) -> None:
        """The shared libraries that a file of this machine is linked with."""
        linked = subprocess.run(["ldd", source], capture_output=True, text=True, check=False)
        for library in re.findall(r"/\S+(?= \(0x)", linked.stdout):
            self._copy(Path(library), library)

    def add_tree(self, source: Path, target: str) -> None:
        """A folder with all that is in it; times are kept, links are followed."""
        shutil.copytree(source, self.folder / target.lstrip("/"), dirs_exist_ok=True)

    def _copy(self, source: Path, target: str) -> None:
        destination = self.folder / target.lstrip("/")
        if not destination.exists():
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, destination)


def build(context: Path, dockerfile: str, tag: str) -> None:
    """Build an image from a context with a root file system in it; print its size."""
    client = docker.from_env()
    try:
        (context / "Dockerfile").write_text(dockerfile)
        image, _ = client.images.build(path=str(context), tag=tag, rm=True, forcerm=True)
        print(f"built {tag} ({image.attrs['Size'] / 1e6:.0f} MB unpacked)")
    finally:
        client.close()
