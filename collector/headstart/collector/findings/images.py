"""What the images of variants are made of."""

from dataclasses import dataclass
from enum import StrEnum


class BaseKnown(StrEnum):
    """How an image's base is known."""

    # By the experiment.
    NAMED = "named"
    # The local image with the most layers that this one begins with.
    LOCAL_IMAGE = "local image"
    # None, since nothing in it looks like an operating system's.
    ASSUMED = "assumed"


@dataclass(frozen=True)
class ImageLayer:
    """One layer of an image."""

    bytes: int
    # None: not known.
    pull_bytes: int | None
    created_by: str
    # Whether it is the base's.
    base: bool


@dataclass(frozen=True)
class Image:
    """The bytes of what a variant runs, by part; None: not known.

    Of a command there are only the kind, its own bytes and its symbols.
    """

    variant: str
    unpacked_bytes: int | None
    pull_bytes: int | None
    # Compressed on the host, since the engine does not keep what was pulled.
    pull_estimated: bool
    above_base_bytes: int | None
    # What is below; empty: not known.
    base: str
    # None: the base is not known.
    base_source: BaseKnown | None
    own_bytes: int | None
    symbol_bytes: int | None
    binary_kind: str
    binary_path: str
    layers: tuple[ImageLayer, ...] = ()
    notes: tuple[str, ...] = ()
    # What else was seen of the program, such as a script's interpreter.
    binary_detail: str = ""
