"""Plots, each an `<svg>` element, drawn with matplotlib."""

import logging

__all__ = ["build_plot", "curves", "forest", "image_parts", "ramp", "svg", "verdict_plots", "work"]

# It warns of each folder that it cannot keep its cache of fonts in; it goes on without.
logging.getLogger("matplotlib").setLevel(logging.ERROR)
