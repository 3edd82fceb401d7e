"""A file system of its own in a file, that a test can break, mend, freeze and thaw. Needs root."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Ext4Disk:
    """Mounted at `folder`. Made by `ext4_disk`."""

    def __init__(self, image: Path, folder: Path) -> None:
        self._image, self.folder = image, folder
        self._frozen = False

    def mount(self, *options: str) -> None:
        """Mount it, by default for writing; an error makes it read-only, as distributions do."""
        stated = ",".join(("loop", "errors=remount-ro", *options))
        _run("mount", "-t", "ext4", "-o", stated, self._image, self.folder)

    def unmount(self) -> None:
        """Nobody may have a file of it open."""
        _run("umount", self.folder)

    def fail(self) -> None:
        """What the kernel does when it finds the file system damaged: from now on it is read-only,
        whoever has files open.
        """
        found = _run("findmnt", "-n", "-o", "SOURCE", self.folder).strip()
        Path(f"/sys/fs/ext4/{Path(found).name}/trigger_fs_error").write_text("1")

    def mend(self) -> None:
        """What an operator does with it, unmounted. Says 1 where it mended something."""
        subprocess.run(["e2fsck", "-fy", self._image], capture_output=True, check=False)

    def freeze(self) -> None:
        """Let every write wait, as a disk does that hangs."""
        _run("fsfreeze", "--freeze", self.folder)
        self._frozen = True

    def thaw(self) -> None:
        """Let them go on."""
        if self._frozen:
            _run("fsfreeze", "--unfreeze", self.folder)
        self._frozen = False


@contextmanager
def ext4_disk(place: Path, mebibytes: int = 64) -> Iterator[Ext4Disk]:
    """Thawed and unmounted at the end, whatever holds it."""
    folder = place / "disk"
    folder.mkdir(parents=True)
    image = place / "image"
    with image.open("wb") as file:
        os.truncate(file.fileno(), mebibytes << 20)
    _run("mkfs.ext4", "-q", "-m", "0", image)
    disk = Ext4Disk(image, folder)
    disk.mount()
    folder.chmod(0o700)
    try:
        yield disk
    finally:
        disk.thaw()
        subprocess.run(["umount", "--lazy", folder], check=False, capture_output=True)


def _run(*command: "str | Path") -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
