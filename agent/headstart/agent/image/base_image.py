"""Which image an image is built on, found by its layers."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from headstart.agent.engine.engine import Engine
from headstart.v1.records_pb2 import BaseSource

SCRATCH = "scratch"
# A host with more images than this is searched in part.
_SEARCHED_IMAGES = 500


@dataclass(frozen=True)
class Base:
    """`name` empty: not known; `problem` says why where the experiment named one."""

    name: str = ""
    source: BaseSource.ValueType = BaseSource.BASE_SOURCE_UNSPECIFIED
    layers: int = 0
    problem: str = ""


def named_base(engine: Engine, digests: Sequence[str], name: str) -> Base:
    """The base that an experiment names, if the image does begin with its layers."""
    if name == SCRATCH:
        return Base(SCRATCH, BaseSource.BASE_SOURCE_NAMED)
    image = engine.image(name)
    if image is None:
        return Base(problem=f"the base {name} is not among this host's images")
    theirs = _layers(image)
    if list(digests[: len(theirs)]) != theirs:
        return Base(problem=f"it does not begin with the layers of {name}, named as its base")
    return Base(name, BaseSource.BASE_SOURCE_NAMED, len(theirs))


def found_base(engine: Engine, digests: Sequence[str], others: Collection[str]) -> Base:
    """The named local image with the most layers that this one begins with, and has more.

    `others`: ids that are no bases, since they are what the run compares: a variant
    built on another one has the app in its base.
    """
    best = Base()
    for listed in engine.images()[:_SEARCHED_IMAGES]:
        names = sorted(_names(listed))
        image = engine.image(listed["Id"]) if names and listed["Id"] not in others else None
        theirs = _layers(image) if image is not None else []
        if len(theirs) >= len(digests) or list(digests[: len(theirs)]) != theirs:
            continue
        longer = len(theirs) > best.layers
        if longer or (theirs and len(theirs) == best.layers and names[0] < best.name):
            best = Base(names[0], BaseSource.BASE_SOURCE_LOCAL_IMAGE, len(theirs))
    return best


def _names(listed: dict[str, object]) -> list[str]:
    found: list[str] = []
    for key in ("RepoTags", "RepoDigests"):
        value = listed.get(key)
        found += [str(name) for name in value] if isinstance(value, list) else []
    return [name for name in found if "<none>" not in name]


def _layers(image: dict[str, object]) -> list[str]:
    root = image.get("RootFS")
    layers = root.get("Layers") if isinstance(root, dict) else None
    return [str(layer) for layer in layers or []]
