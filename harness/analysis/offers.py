"""Alignment classes on offer: deltas for which the default choice is not the best one.

Milder than hazards: it is enough that at some size the kernel that would serve without classes loses to another
beyond the margin. Whether a class pays for its test is for `classes.build` to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from harness.analysis.alignment import Predicate, explain
from harness.analysis.hazard import Point, points

if TYPE_CHECKING:
    import pandas as pd

    from harness.analysis.policy import PolicyTable

CLEAR: Final = (0.1, 0.2)
"""Log ratios from which a difference stands out among the small ones."""


def offers(comparisons: pd.DataFrame, unclassed: PolicyTable, guarded: PolicyTable) -> tuple[Predicate, ...]:
    """Predicates for the deltas that deserve a class.

    Args:
        comparisons: one row a block x candidate; see `hazard.points`, and `margin`.
        unclassed: the policy of the conditions that mix deltas, as if no delta were special.
        guarded: the policy of one class that also survives every single delta.
    """
    measured = points(comparisons)
    margin = float(np.median(comparisons["margin"])) if len(comparisons) else 0.0
    found: dict[Predicate, None] = {}
    for table in (unclassed, guarded):
        served = [point for point in measured if point.kernel == table.rule(point.size, point.delta).kernel]
        for group in (served, *by_size(served)):
            for gap in (margin, *CLEAR):
                positive = {point.delta for point in group if point.behind - point.error > gap}
                for predicate in explain(positive, {point.delta for point in group} - positive):
                    if predicate.span > 1:  # One delta alone explains nothing: it restates the point.
                        found[predicate] = None
    return tuple(found)


def by_size(served: list[Point]) -> list[list[Point]]:
    """The points of each size: what marks a delta at one size may be true of every delta at another."""
    sizes = sorted({point.size for point in served})
    return [[point for point in served if point.size == size] for size in sizes]
