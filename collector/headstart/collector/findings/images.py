"""What the images of variants are made of."""

from dataclasses import dataclass


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
    # "named", "local image", "assumed": how it is known.
    base_source: str
    own_bytes: int | None
    symbol_bytes: int | None
    binary_kind: str
    binary_path: str
    layers: tuple[ImageLayer, ...] = ()
    notes: tuple[str, ...] = ()
