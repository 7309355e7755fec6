"""Curves over size from paired blocks: one candidate against another, or the best of several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from harness.analysis.crossover import Curve
from harness.analysis.noise import Noise
from harness.analysis.pairing import PairedBlock, process_medians

Floats = NDArray[np.float64]

DRAWS = 200
ENOUGH = 5
"""Processes below which a point is not on a curve."""


def curve(
    blocks: Iterable[PairedBlock],
    first: Sequence[str],
    second: str,
    noise: Noise,
    *,
    name: str = "",
    level: float = 0.95,
    seed: int = 0,
) -> Curve | None:
    """The curve of `first` against `second`; of several the one that is best at each size.

    Args:
        blocks: of one condition.
        first: candidates of which the best counts.
        second: the other one; both must have been measured in three processes.
        noise: for the margin.
        name: what to call `first`; empty for the candidate's own name.
        level: of the intervals.
        seed: of the draws that crossovers' intervals come from.

    Returns:
        None where fewer than two sizes are known.
    """
    rng = np.random.default_rng(seed)
    points = [
        (block, best)
        for block in sorted(blocks, key=lambda each: each.size)
        if (best := _best_difference(block, first, second)) is not None
    ]
    if len(points) < 2:
        return None
    value = np.array([best.mean() for _, best in points])
    freedom = np.array([len(best) - 1 for _, best in points])
    error = np.array([best.std(ddof=1) / np.sqrt(len(best)) for _, best in points])
    half = stats.t.ppf((1 + level) / 2, freedom) * error
    return Curve(
        first=name or first[0],
        second=second,
        sizes=np.array([float(block.size) for block, _ in points]),
        value=value,
        low=value - half,
        high=value + half,
        margin=np.array([noise.margin(block.size, block.baseline_ns) for block, _ in points]),
        draws=value + error * rng.standard_t(freedom, size=(DRAWS, len(points))),
    )


def _best_difference(block: PairedBlock, first: Sequence[str], second: str) -> Floats | None:
    """One value a process of the candidate with the highest mean; None where none was measured often enough."""
    if second not in block.candidates:
        return None
    medians = process_medians(block)
    base = medians[:, block.candidates.index(second)]
    best: Floats | None = None
    for name in first:
        if name not in block.candidates:
            continue
        difference = medians[:, block.candidates.index(name)] - base
        difference = difference[~np.isnan(difference)]
        if len(difference) >= ENOUGH and (best is None or difference.mean() > best.mean()):
            best = difference
    return best
