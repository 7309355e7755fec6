"""The cheapest way to cut a row of cells into segments, one kernel each: dynamic programming.

After segmented least squares (Bellman 1961), with the cost given a cell and kernel instead of fitted.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def cheapest(cost: Floats, price: Floats, most: int) -> tuple[int, ...]:
    """The kernel of each cell that minimises the sum of costs and prices.

    Args:
        cost: cells x kernels; infinite where a kernel may not serve. Kernel 0 may serve everywhere.
        price: per cell, what it costs to begin a segment there; the first cell's is not paid.
        most: how many segments there may be, 1 or more.

    Returns:
        A kernel's index a cell. Of equally cheap choices the one with fewer segments, then the lower index.

    Raises:
        ValueError: `most` is below 1 or no choice is finite within `most` segments.
    """
    cells, kernels = cost.shape
    if most < 1:
        raise ValueError(f"a policy needs 1 segment or more, not {most}")
    # total[r, k]: the cheapest up to this cell with r + 1 segments, the last of them kernel k's.
    total = np.full((most, kernels), np.inf)
    total[0] = cost[0]
    came_from = np.zeros((cells, most, kernels), dtype=np.intp)
    for cell in range(1, cells):
        total, came_from[cell] = _extend(total, cost[cell], float(price[cell]))
    segment, kernel = np.unravel_index(np.argmin(total), total.shape)
    if not np.isfinite(total[segment, kernel]):
        raise ValueError(f"no policy of {most} segments keeps to the kernels that may serve")
    return _trace(came_from, int(segment), int(kernel))


def _extend(total: Floats, cost: Floats, price: float) -> tuple[Floats, NDArray[np.intp]]:
    """One cell more: stay with the kernel, or begin a segment after the cheapest end of one segment less."""
    most, kernels = total.shape
    stay = np.arange(kernels)
    came_from = np.tile(stay, (most, 1))
    extended = total.copy()
    for segment in range(1, most):
        before = int(np.argmin(total[segment - 1]))
        begun = total[segment - 1, before] + price
        better = (begun < total[segment]) & (stay != before)
        extended[segment][better] = begun
        came_from[segment][better] = before
    return extended + cost, came_from


def _trace(came_from: NDArray[np.intp], segment: int, kernel: int) -> tuple[int, ...]:
    chosen = [kernel]
    for cell in range(len(came_from) - 1, 0, -1):
        before = int(came_from[cell, segment, kernel])
        if before != kernel:
            segment, kernel = segment - 1, before
        chosen.append(kernel)
    return tuple(reversed(chosen))
