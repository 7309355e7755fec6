"""The size axis cut into cells, and which measurements speak for each cell.

A cell is a range of sizes that one kernel serves; the measured sizes are the cuts. A measured power of two is a
cell by itself, so that a policy can serve it with the sizes above or with those below, whichever is better.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from harness.experiment import Condition, Offsets, Residency, Sizes

SCALAR_MAX: Final = 8
"""The dispatcher serves sizes up to here itself, whatever the policy says."""
REACH: Final = 4.0
"""A fixed size speaks for cells on one side of it that lie within this factor of it."""
BRACKET: Final = 64.0
"""Two neighbouring fixed sizes speak for all cells between them if they lie within this factor of each other."""
LATENCY_BYTES: Final = 128
"""A call costs about as much as moving this many bytes more: for weighing the sizes of a random mix by time."""
RELEVANT: Final = 0.25
"""A random mix guards a cell whose sizes have at least this share of the time that its largest sizes have."""


@dataclass(frozen=True, order=True)
class Cell:
    """Sizes low <= n < high."""

    low: int
    high: int | None
    """None: no end."""

    @property
    def end(self) -> float:
        """`high` as a number."""
        return math.inf if self.high is None else self.high

    @property
    def start(self) -> int:
        """The smallest size that a policy decides about: the dispatcher serves the scalar ones itself."""
        return max(self.low, SCALAR_MAX + 1)

    @property
    def middle(self) -> float:
        """Geometric mean of the sizes at its ends; of an endless cell the lower end."""
        return float(self.start) if self.high is None else math.sqrt(self.start * max(self.high - 1, self.start))


def cut(sizes: Iterable[int]) -> tuple[Cell, ...]:
    """Cells that cover every size from 0 on, cut at the measured sizes and behind the powers of two among them.

    Raises:
        ValueError: there are no sizes.
    """
    measured = sorted(set(sizes))
    if not measured:
        raise ValueError("no sizes were measured: there is nothing to cut into cells")
    cuts = {size for size in measured if size > SCALAR_MAX + 1}
    cuts |= {size + 1 for size in measured[:-1] if size > SCALAR_MAX and size.bit_count() == 1}
    edges = [0, *sorted(cuts)]
    return (*(Cell(low, high) for low, high in pairwise(edges)), Cell(edges[-1], None))


@dataclass(frozen=True)
class Weights:
    """How much each kind of condition counts in a cell's mean; factors multiply."""

    page: float = 0.5
    """Both buffers page-aligned, against 1 for independent offsets."""
    delta: float = 0.25
    """One fixed difference of offsets."""
    random_sizes: float = 2.0
    """Sizes that the branch predictor cannot learn, against 1 for one fixed size."""
    l3: float = 0.5
    dram: float = 0.5
    reread: float = 0.5
    threads: float = 0.5
    """Several threads at once."""

    def of(self, condition: Condition) -> float:
        """The weight of one condition."""
        return (
            {Offsets.INDEPENDENT: 1.0, Offsets.PAGE: self.page, Offsets.DELTA: self.delta}[condition.offsets]
            * {Residency.HOT: 1.0, Residency.L3: self.l3, Residency.DRAM: self.dram}[condition.residency]
            * (1.0 if condition.sizes is Sizes.FIXED else self.random_sizes)
            * (self.reread if condition.reread else 1.0)
            * (self.threads if condition.threads > 1 else 1.0)
        )


def covering(condition: Condition, sizes: Sequence[int], cell: Cell) -> list[tuple[int, float]]:
    """Which measured axis values of a condition speak for a cell.

    Args:
        condition: what was held fixed.
        sizes: its measured axis values, ascending.
        cell: where a kernel would serve.

    Returns:
        Pairs of axis value and relevance from 0 to 1. Fixed sizes: the cell's own size alone if the cell is a
        single size, else the nearest below and above (`BRACKET`, `REACH`); a size above with none below has
        relevance 0: it can warn of a kernel but not speak for it. Random sizes: the smallest upper bound that
        takes the cell in.
    """
    if condition.sizes is Sizes.FIXED:
        return _around(sizes, cell)
    bound = next((size for size in sizes if size + 1 >= cell.end), None)
    return [] if bound is None else [(bound, _relevance(condition.sizes, bound, cell.middle))]


def _around(sizes: Sequence[int], cell: Cell) -> list[tuple[int, float]]:
    within = [(size, 1.0) for size in sizes if cell.low <= size < cell.end]
    if within and (cell.high is None or cell.high - cell.low == 1):
        return within
    inside = within or [(size, 1.0) for size in sizes if size < cell.low][-1:]
    above = [(size, 1.0) for size in sizes if size >= cell.end][:1]
    if inside and above and above[0][0] <= BRACKET * max(inside[0][0], SCALAR_MAX):
        return [*inside, *above]
    if inside and cell.low <= REACH * inside[-1][0]:
        return inside
    return [(size, 0.0) for size, _ in above if size <= REACH * cell.end]


def _relevance(sizes: Sizes, bound: int, size: float) -> float:
    """A mix's time per doubling of size, at one size against at its bound."""
    time = (size + LATENCY_BYTES) / (bound + LATENCY_BYTES)
    calls = size / bound if sizes is Sizes.UNIFORM else 1.0
    return min(1.0, time * calls)
