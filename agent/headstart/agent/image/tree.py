"""The file system that an image's layers make together: names, sizes and links, no content.

Links and `..` are followed within the tree only, a bounded number of times.
"""

import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

# What Linux follows in one lookup.
_MAXIMUM_LINKS = 40
# A folder that no entry of its own made takes memory too: what a step costs, as many times.
_NODE_STEPS = 50
# Of path components; Linux ends at 4096 bytes.
_MAXIMUM_DEPTH = 512
# How a layer says that something below it is gone (OCI image layer specification).
_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a layer, as its archive has it."""

    path: str
    type: bytes
    size: int
    link: str = ""


@dataclass(slots=True)
class Node:
    """`children` of a folder, None of all else; `link` of a symbolic link."""

    size: int = 0
    link: str = ""
    children: "dict[str, Node] | None" = None
    # Regular file, hard link to one included (its size counts where it was first).
    file: bool = False


@dataclass
class Tree:
    """Layers merged, the lowest first.

    `step` is told of components of paths that are looked up, and may raise.
    """

    step: Callable[[int], None] = lambda _count: None
    root: Node = field(default_factory=lambda: Node(children={}))

    def add_layer(self, entries: Iterable[Entry]) -> None:
        """Lay a layer over what is there; what it hides of those below goes first."""
        listed = [(_parts(entry.path), entry) for entry in entries]
        listed = [(parts, entry) for parts, entry in listed if 0 < len(parts) <= _MAXIMUM_DEPTH]
        for parts, _ in listed:
            self.step(len(parts))
            if parts[-1].startswith(_WHITEOUT) and (found := self.find("/".join(parts[:-1]))):
                _hide(found[1].children or {}, parts[-1])
        for parts, entry in listed:
            folder = self._folder(parts[:-1])
            if folder is not None and not parts[-1].startswith(_WHITEOUT):
                _put(folder, parts[-1], entry)

    def find(self, path: str) -> tuple[str, Node] | None:
        """What the path leads to, links followed, under its real path; None: nothing."""
        real: list[str] = []
        nodes = [self.root]
        todo = list(reversed(_parts(path)))
        self.step(len(todo))
        links = 0
        while todo:
            name = todo.pop()
            if name == "..":
                if real:
                    real.pop()
                    nodes.pop()
                continue
            node = (nodes[-1].children or {}).get(name)
            if node is None:
                return None
            if node.link:
                links += 1
                if links > _MAXIMUM_LINKS or len(todo) > _MAXIMUM_DEPTH:
                    return None
                if node.link.startswith("/"):
                    real, nodes = [], [self.root]
                target = _parts(node.link)
                self.step(len(target))
                todo += reversed(target)
                continue
            real.append(name)
            nodes.append(node)
        return "/" + "/".join(real), nodes[-1]

    def files(self, folder: str) -> Iterator[tuple[str, int]]:
        """Every regular file under a folder with its size; links are not followed."""
        found = self.find(folder)
        todo = [found] if found else []
        while todo:
            path, node = todo.pop()
            if node.children is not None:
                prefix = path.rstrip("/")
                todo += [(f"{prefix}/{name}", child) for name, child in node.children.items()]
            elif node.file:
                yield path, node.size

    def _folder(self, parts: list[str]) -> "dict[str, Node] | None":
        """What is in the folder that an archive's path means; made where it was left out."""
        inside = self.root.children
        for index, name in enumerate(parts):
            if inside is None:
                return None
            node = inside.get(name)
            if node is not None and node.link:
                found = self.find("/".join(parts[: index + 1]))
                node = found[1] if found else None
                if node is None:
                    return None
            if node is None or node.children is None:
                self.step(_NODE_STEPS)
                node = Node(children={})
                inside[name] = node
            inside = node.children
        return inside


def _hide(children: dict[str, Node], name: str) -> None:
    if name == _OPAQUE:
        children.clear()
    else:
        children.pop(name.removeprefix(_WHITEOUT), None)


def _put(children: dict[str, Node], name: str, entry: Entry) -> None:
    if entry.type == tarfile.DIRTYPE:
        there = children.get(name)
        if there is None or there.children is None:
            children[name] = Node(children={})
    elif entry.type == tarfile.SYMTYPE:
        children[name] = Node(link=entry.link or ".")
    elif entry.type == tarfile.LNKTYPE:
        children[name] = Node(link=f"/{entry.link}")
    elif entry.type == tarfile.REGTYPE:
        children[name] = Node(size=entry.size, file=True)
    else:
        # A device or a pipe: something is there, of no size.
        children[name] = Node()


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def text_of(text: str) -> str:
    """Without what is no UTF-8: a name's odd bytes, half a surrogate pair of a document."""
    return text.encode("utf-8", "replace").decode()
