"""What the images are made of, ready to be set, and drawn."""

import re
from dataclasses import dataclass

from headstart.collector.findings import BaseKnown, Image, ImageLayer, RunResult
from headstart.collector.findings.quantities import digits, quantity, scale
from headstart.collector.report.plots.axes import colour_of, new_figure
from headstart.collector.report.plots.svg import GRID, INK, MUTED, PAPER, drawing, inline
from headstart.collector.report.sentences.text import line

UNKNOWN = "unknown"
# Beside a program that is not what the experiment says of it.
MISLABELLED = "⚑ not as claimed"
_KINDS = {
    "native_aot": ".NET Native AOT",
    "ready_to_run": ".NET ReadyToRun",
    "il": ".NET IL",
    "jvm": "Java VM",
    "graalvm_native": "GraalVM native image",
    "dart_aot": "Dart AOT",
    "static_native": "native, static",
    "dynamic_native": "native, dynamic",
    "script": "script",
    "mono_aot": "Mono AOT",
}
_SOURCES = {
    BaseKnown.NAMED: "named in the experiment",
    BaseKnown.LOCAL_IMAGE: "found here",
    BaseKnown.ASSUMED: "assumed",
}
# What builders write around the instruction of a Dockerfile.
_NOISE = re.compile(r"^/bin/sh -c (#\(nop\) +)?|( in /\S*)? *# buildkit$|(file|dir):[0-9a-f]{8,} ")
_STEP_CHARACTERS = 100
# A segment narrower than this share of the widest bar bears no label.
_LABELLED = 0.14


@dataclass(frozen=True)
class ImageRow:
    """One variant; texts as they are shown, empty where the part does not exist."""

    variant: str
    pull: str
    unpacked: str
    above_base: str
    base: str
    own: str
    symbols: str
    layers: str
    kind: str
    path: str
    # Its kind is not what the experiment says of it.
    wrong: bool
    # Bytes, pull bytes, step, whether the base's; the lowest first.
    steps: tuple[tuple[str, str, str, bool], ...]


def image_rows(result: RunResult) -> list[ImageRow]:
    """In the order of the experiment file."""
    wrong = {variant.variant for variant in result.variants if variant.mislabelled}
    return [_row(image, image.variant in wrong) for image in result.images]


def estimated(result: RunResult) -> bool:
    """Whether a pull size is what compressing here made of the layers."""
    return any(image.pull_estimated and image.pull_bytes for image in result.images)


def image_note(result: RunResult) -> str:
    """What the columns are; the same in every format."""
    how = "estimated by compressing them on the host" if estimated(result) else "as the engine has"
    return (
        f"To pull: the layers compressed, {how}. Unpacked: the files in them. Above base: those "
        "of layers that the base does not have. Own files: what is in the app's folder, symbols "
        "apart."
    )


def image_plot(result: RunResult) -> str | None:
    """A bar for each image, a segment for each layer: the base's grey, above in the variant's."""
    shown = [image for image in result.images if image.layers and image.unpacked_bytes]
    if not shown:
        return None
    widest = max(image.unpacked_bytes or 0 for image in shown)
    divisor, unit = scale(widest, "bytes")
    with drawing():
        figure, axes = new_figure(0.9 + 0.5 * len(shown))
        for row, image in enumerate(shown):
            left = 0.0
            for layer in image.layers:
                width = layer.bytes / divisor
                face = GRID if layer.base else colour_of(result, image.variant)
                axes.barh(
                    row, width, left=left, height=0.6, color=face, edgecolor=PAPER, linewidth=0.8
                )
                if layer.bytes > _LABELLED * widest:
                    axes.annotate(
                        digits(width),
                        (left + width / 2, row),
                        ha="center",
                        va="center",
                        color=INK if layer.base else PAPER,
                        fontsize=8.5,
                    )
                left += width
            axes.annotate(
                f"{digits(left)} {unit}",
                (left, row),
                xytext=(4, 0),
                textcoords="offset points",
                ha="left",
                va="center",
                color=INK,
                fontsize=9,
            )
        if any(layer.base for image in shown for layer in image.layers):
            axes.barh(0, 0, color=GRID, edgecolor=MUTED, linewidth=0.6, label="base image")
            axes.barh(0, 0, color=MUTED, label="above it, in the variant's colour")
            axes.legend(
                loc="lower left",
                bbox_to_anchor=(0, 1.0),
                ncols=2,
                borderaxespad=0.2,
                handlelength=1.2,
            )
        axes.set_yticks(range(len(shown)), [image.variant for image in shown])
        axes.set_ylim(len(shown) - 0.5, -0.5)
        axes.set_xlim(0, 1.16 * widest / divisor)
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(f"unpacked, {unit}")
        return inline(figure, "images", "Size of each image by layer, unpacked")


def _row(image: Image, wrong: bool) -> ImageRow:
    whole = bool(image.layers or image.unpacked_bytes)
    source = f" ({_SOURCES[image.base_source]})" if image.base_source else ""
    base = f"{line(image.base)}{source}" if image.base else UNKNOWN
    return ImageRow(
        variant=image.variant,
        pull=_size(image.pull_bytes, whole),
        unpacked=_size(image.unpacked_bytes, whole),
        above_base=_size(image.above_base_bytes, whole),
        base=base if whole else "",
        own=_size(image.own_bytes, True),
        symbols=_size(image.symbol_bytes, True),
        layers=str(len(image.layers)) if image.layers else (UNKNOWN if whole else ""),
        kind=_KINDS.get(image.binary_kind, line(image.binary_kind)) or UNKNOWN,
        path=line(", ".join(filter(None, (image.binary_path, image.binary_detail)))),
        wrong=wrong,
        steps=tuple(_step(layer) for layer in image.layers),
    )


def _size(count: int | None, exists: bool) -> str:
    if count is None:
        return UNKNOWN if exists else ""
    return quantity(count, "bytes")


def _step(layer: ImageLayer) -> tuple[str, str, str, bool]:
    words = _NOISE.sub("", line(layer.created_by)).strip()
    if len(words) > _STEP_CHARACTERS:
        words = f"{words[: _STEP_CHARACTERS - 1]}…"
    return _size(layer.bytes, True), _size(layer.pull_bytes, True), words, layer.base
