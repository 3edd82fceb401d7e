"""Plots, each an `<svg>` element, drawn with matplotlib."""

__all__ = ["build_plot", "curves", "forest", "image_parts", "ramp", "svg", "verdict_plots", "work"]
