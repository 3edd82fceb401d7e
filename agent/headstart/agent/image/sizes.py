"""How the bytes of an image divide: the app's own, what only a debugger reads."""

import posixpath

from headstart.agent.image.binary import Binary
from headstart.agent.image.tree import Tree

# Folders that many programs share: what stands beside the app there is not its own.
_SHARED = {
    "/",
    *(f"/{name}" for name in ("bin", "sbin", "lib", "lib64", "opt", "usr", "root", "home", "srv")),
    *(f"/usr/{name}" for name in ("bin", "sbin", "lib", "lib64", "libexec", "share", "local")),
    *(f"/usr/local/{name}" for name in ("bin", "sbin", "lib", "share")),
    *("/tmp", "/var", "/etc", "/dev", "/proc", "/sys", "/run"),  # noqa: S108  # names only
}
_SYMBOL_FILES = (".pdb", ".dbg", ".debug", ".mdb", ".dwo")
# What a distribution's root has, however small; a program's own files have none of it.
_SYSTEM_SIGNS = (
    "/etc/os-release",
    "/usr/lib/os-release",
    "/etc/alpine-release",
    "/var/lib/dpkg",
    "/lib/apk/db",
    "/usr/lib/apk/db",
    "/var/lib/rpm",
    "/usr/lib/sysimage/rpm",
    "/var/lib/pacman",
    "/nix/store",
    "/bin/busybox",
    "/bin/sh",
)


def own_bytes(tree: Tree, binary: Binary, working_directory: str) -> tuple[int, int]:
    """Bytes of the app's own files without symbols, and of its symbols; zeros: not known.

    Its own are all files in the folder of its program, its assembly, its jar or its
    script (else in its working directory), with all folders below; in a folder that
    many programs share only the program itself and files that are named after it.
    """
    own = binary.own or working_directory
    found = tree.find(own)
    if found is None:
        return 0, 0
    path, node = found
    folder = path if node.children is not None else posixpath.dirname(path)
    if node.children is not None and posixpath.dirname(folder) not in _SHARED:
        # A folder of a class path: its neighbours are the app's as well.
        folder = posixpath.dirname(folder) if binary.own else folder
    if folder not in _SHARED:
        files = list(tree.files(folder))
    elif node.file:
        stem = posixpath.splitext(path)[0]
        files = [
            (name, size)
            for name, size in tree.files(folder if folder != "/" else path)
            if name == path or posixpath.splitext(name)[0] in (stem, path)
        ]
    else:
        return 0, 0
    symbols = sum(size for name, size in files if name.lower().endswith(_SYMBOL_FILES))
    symbols += binary.symbol_bytes if any(name == binary.path for name, _ in files) else 0
    return sum(size for _, size in files) - symbols, symbols


def looks_like_scratch(tree: Tree) -> bool:
    """Whether nothing of an operating system is in the image."""
    return not any(tree.find(sign) for sign in _SYSTEM_SIGNS)
