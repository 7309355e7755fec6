"""Verdicts: which candidate wins against libc at which point, corrected for how many points were looked at.

A candidate wins where the hypothesis "it is faster than libc by the margin at the most" is rejected after Holm's
correction over all points; likewise it loses. Everything else is a tie. The hypothesis is the margin and not zero:
processes that happen to share a layout agree with each other, and a test against zero then calls that layout a win.
Source: Holm, A simple sequentially rejective multiple test procedure (1979).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.analysis.estimate import Estimate
from harness.analysis.noise import Noise
from harness.experiment import BASELINE

Floats = NDArray[np.float64]

COLUMNS = (
    "condition",
    "size",
    "candidate",
    "estimate",
    "low",
    "high",
    "p_faster",
    "p_slower",
    "processes",
    "margin",
    "verdict",
    "baseline_ns",
)


ENOUGH: Final = 3
"""Processes below which a point is not tested: scouts saw it and dropped it. Nor does it count as a look."""


class Verdict(StrEnum):
    """What a comparison with libc says of the candidate."""

    WIN = "win"
    LOSS = "loss"
    TIE = "tie"


def compare(estimates: Sequence[Estimate], noise: Noise, level: float = 0.95) -> pd.DataFrame:
    """One row a block and candidate, libc itself left out; columns as in COLUMNS.

    `estimate`, `low`, `high` and `margin` are log ratios, positive where the candidate is faster; the p-values are
    one-sided and corrected.
    """
    parts = [_rows(found, noise, level) for found in estimates]
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS))
    table = pd.concat(parts, ignore_index=True)
    tested = table["processes"].to_numpy() >= ENOUGH
    for column in ("p_faster", "p_slower"):
        table[column] = np.where(tested, _holm_where(table[column].to_numpy(dtype=float), tested), 1.0)
    faster = table["p_faster"] < 1 - level
    slower = table["p_slower"] < 1 - level
    table["verdict"] = np.select([faster, slower], [Verdict.WIN, Verdict.LOSS], Verdict.TIE)
    return table[list(COLUMNS)]


def _rows(found: Estimate, noise: Noise, level: float) -> pd.DataFrame:
    low, high = found.interval(level)
    block = found.block
    margin = noise.margin(block.size, block.baseline_ns)
    table = pd.DataFrame(
        {
            "condition": block.condition,
            "size": block.size,
            "candidate": block.candidates,
            "estimate": found.value,
            "low": low,
            "high": high,
            "p_faster": found.p_faster(margin),
            "p_slower": found.p_slower(margin),
            "processes": found.processes,
            "margin": margin,
            "baseline_ns": block.baseline_ns,
        }
    )
    return table[table["candidate"] != BASELINE]


def _holm_where(p_values: Floats, tested: NDArray[np.bool_]) -> Floats:
    """Holm's adjustment within the points that are tested at all; the others keep their value."""
    adjusted = p_values.copy()
    adjusted[tested] = holm(p_values[tested])
    return adjusted


def holm(p_values: Floats) -> Floats:
    """Holm's adjusted p-values, in the order given."""
    order = np.argsort(p_values)
    count = len(p_values)
    adjusted = np.maximum.accumulate(p_values[order] * (count - np.arange(count)))
    result = np.empty(count)
    result[order] = np.minimum(adjusted, 1.0)
    return result
