"""matplotlib's SVG made part of a page: themed, scalable, safe to stand beside others.

Figures are drawn in marker colours, which become CSS variables here, so that one
drawing serves light, dark and print. Text stays text: it can be searched, read aloud
and takes the page's font.
"""

import io
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any, cast

from headstart.words.foreign import clean

INK, MUTED, GRID, PAPER = "#101112", "#202122", "#303132", "#404142"
# Marker colours of the variants, in order; the page has as many of its own.
VARIANTS = tuple(f"#a0b0c{index}" for index in range(8))

_VARIABLES = {INK: "--ink", MUTED: "--muted", GRID: "--grid", PAPER: "--paper"} | {
    colour: f"--v{index}" for index, colour in enumerate(VARIANTS)
}
_FONT_POINTS = 10
_DIGITS = re.compile(r"(\.\d\d)\d+")
# rcParams belong to the process; two threads must not draw at once.
_LOCK = threading.Lock()

STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "headstart",
    "font.size": _FONT_POINTS,
    # "$" in a name must not start a formula.
    "text.parse_math": False,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.labelsize": _FONT_POINTS,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "figure.facecolor": "none",
    "figure.constrained_layout.use": True,
    "legend.frameon": False,
    "legend.fontsize": _FONT_POINTS,
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
}


@contextmanager
def drawing() -> Iterator[None]:
    """The house's style for as long as a figure is made and written."""
    import matplotlib

    # rc_context's keys are a literal type of 400.
    with _LOCK, matplotlib.rc_context(cast(Any, STYLE)), warnings.catch_warnings():
        # The page's font shows the text; only its width is guessed without the glyph.
        warnings.filterwarnings("ignore", r"Glyph \d+ .*missing from font", UserWarning)
        yield


def inline(figure: Any, name: str, description: str) -> str:
    """A figure as an `<svg>` element whose ids all begin with `name`.

    `description` is what a screen reader says.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = clean.lines(buffer.getvalue())
    text = text[text.index("<svg") :]
    # Its style sheet would be the whole page's; the page has those two lines itself.
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r'(\bid="|url\(#|xlink:href="#)', rf"\g<1>{name}-", text)
    text = re.sub(r' ?font-family:[^;"]*;?', "", text)
    # The shorthand names family and size together.
    text = re.sub(r'font: ([^;"]*?px) [^;"]*', r"font-size: \1", text)
    text = re.sub(r'( d=| x=| y=| points=)"([^"]*)"', _shorter, text)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    text = re.sub(r' (width|height)="[\d.]+pt"', "", text, count=2)
    return text.replace(
        "<svg",
        f'<svg role="img" aria-labelledby="{name}-title"',
        1,
    ).replace(">", f'><title id="{name}-title">{escape(description)}</title>', 1)


def _shorter(found: re.Match[str]) -> str:
    """Coordinates to a hundredth of a point: a fifth of a page's size, and nobody sees it."""
    shortened = _DIGITS.sub(r"\1", found[2])
    return f'{found[1]}"{shortened}"'
