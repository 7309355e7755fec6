"""Figures: speed over libc against size, one panel a condition, with intervals, margin and crossovers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.report.text import bytes_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
"""Okabe and Ito's colours, told apart by colour-blind readers too."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


FINE_TICKS = (0.5, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2, 3)
COARSE_TICKS = (0.02, 0.05, 0.1, 0.2, 0.33, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 20, 50)
NARROW = 3.0
"""Ratio of an axis's ends below which the fine ticks do not overlap."""


@dataclass(frozen=True)
class Curve:
    """One candidate's speed over libc; arrays of one length, sizes ascending, NaN where it was not measured."""

    label: str
    sizes: Floats
    """Bytes."""
    speed: Floats
    """libc's time over the candidate's: above 1 the candidate is faster."""
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Mark:
    """A crossover: where, and between which bounds."""

    size: float
    low: float
    high: float
    label: str


@dataclass(frozen=True)
class Panel:
    """One condition."""

    title: str
    curves: tuple[Curve, ...]
    margin: float
    """Half-width of the band that is called a tie, as a ratio less one."""
    marks: tuple[Mark, ...] = ()


def draw(panels: Sequence[Panel], title: str) -> Figure:
    """All panels below one another, one scale of speed and size each, legend inside."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.4 * len(panels) + 0.6), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=12)
    colours = _styles(panels)
    for index, panel in enumerate(panels):
        _panel(figure.add_subplot(len(panels), 1, index + 1), panel, colours)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write the figure; the ending chooses the format (png, svg, pdf)."""
    figure.savefig(path, dpi=130)


def _styles(panels: Sequence[Panel]) -> dict[str, tuple[str, str]]:
    """One colour and marker for each candidate, the same in all panels."""
    labels = dict.fromkeys(curve.label for panel in panels for curve in panel.curves)
    return {
        label: (PALETTE[index % len(PALETTE)], MARKERS[(index + index // len(PALETTE)) % len(MARKERS)])
        for index, label in enumerate(labels)
    }


def _panel(axes: Axes, panel: Panel, styles: dict[str, tuple[str, str]]) -> None:
    axes.axhspan(1 / (1 + panel.margin), 1 + panel.margin, color="0.85", zorder=0, label=f"tie (±{panel.margin:.1%})")
    axes.axhline(1, color="0.4", linewidth=0.8, zorder=1)
    for curve in panel.curves:
        colour, marker = styles[curve.label]
        axes.fill_between(curve.sizes, curve.low, curve.high, color=colour, alpha=0.2, linewidth=0)
        axes.plot(
            curve.sizes,
            curve.speed,
            color=colour,
            marker=marker,
            markersize=3.5,
            linewidth=1.3,
            label=curve.label,
        )
    for mark in panel.marks:
        axes.axvspan(mark.low, mark.high, color="0.3", alpha=0.12, linewidth=0)
        axes.axvline(mark.size, color="0.3", linestyle=":", linewidth=1)
        if not mark.label:
            continue
        axes.annotate(
            mark.label,
            (mark.size, 0.02),
            xycoords=("data", "axes fraction"),
            rotation=90,
            fontsize=7,
            va="bottom",
        )
    _axes(axes, panel)


def _axes(axes: Axes, panel: Panel) -> None:
    sizes = np.concatenate([curve.sizes for curve in panel.curves]) if panel.curves else np.array([1.0, 2.0])
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    exponents = np.arange(np.floor(np.log2(sizes.min())), np.ceil(np.log2(sizes.max())) + 1)
    sizes_shown = 2.0 ** exponents[:: max(1, len(exponents) // 12)]
    axes.set_xticks(sizes_shown, [bytes_text(size) for size in sizes_shown])
    low, high = axes.get_ylim()
    ticks = FINE_TICKS if high / low < NARROW else COARSE_TICKS
    shown = [value for value in ticks if low <= value <= high]
    axes.set_yticks(shown, [f"{value:g}×" for value in shown])
    axes.minorticks_off()
    axes.grid(color="0.92", linewidth=0.6)
    axes.set_title(panel.title, fontsize=10, loc="left")
    axes.set_xlabel("size of one copy")
    axes.set_ylabel("speed over libc")
    axes.legend(fontsize=8, loc="best", framealpha=0.9)
