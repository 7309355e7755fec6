"""What all conditions together say about each kernel in each cell: its mean gain, and whether it may serve there.

A kernel may serve a cell if it survives every condition that speaks for the cell: nowhere slower than libc beyond
doubt and margin, and a winner in at least one. Libc may serve always, so that ties keep it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from harness.analysis.alignment import Predicate, delta_of
from harness.analysis.cells import RELEVANT, Cell, Weights, covering
from harness.analysis.compare import ENOUGH
from harness.experiment import AA_ARM, BASELINE, Condition, Sizes

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

CERTAIN_LOSS: Final = math.log(1.02)
CERTAIN_LOSS_NS: Final = 0.5
"""A kernel that is certainly slower and by more than both is kept out even where the noise margin is wider.

The second is about a cycle: less than that is what the placement of code and data costs small copies by chance.
"""

SCOUTED: Final = 4
"""Fewer processes than this mean that the sweep dropped the kernel there: its estimate alone keeps it out."""


@dataclass(frozen=True)
class Evidence:
    """Cells x kernels; kernel 0 is libc."""

    cells: tuple[Cell, ...]
    kernels: tuple[str, ...]
    estimate: Floats
    """Weighted mean of log(libc ns / kernel ns); 0 where nothing speaks for the kernel."""
    low: Floats
    """Weighted mean of the intervals' ends, as if all errors had one cause: never too narrow."""
    high: Floats
    survives: Bools
    """Whether the kernel is nowhere slower than libc."""
    allowed: Bools
    """Whether it may serve the cell: it survives, wins somewhere, and its mean gain is beyond doubt."""
    processes: NDArray[np.int64]
    """Fewest processes behind any measurement that speaks for the kernel; 0 where none does."""
    blocks: NDArray[np.int64]
    """How many measurements speak for the kernel."""
    covered: Bools
    """Per cell: whether anything speaks for it."""

    def or_else(self, other: Evidence) -> Evidence:
        """This evidence, and the other's in cells for which nothing speaks here."""
        covered = self.covered[:, None]
        fields = ("estimate", "low", "high", "survives", "allowed", "processes", "blocks")
        blended = {name: np.where(covered, getattr(self, name), getattr(other, name)) for name in fields}
        return replace(self, covered=self.covered | other.covered, **blended)

    def keeping(self, choice: Sequence[int]) -> Evidence:
        """The same, but that a kernel chosen elsewhere, one a cell, may serve already where it survives."""
        row = np.arange(len(self.cells))
        allowed = self.allowed.copy()
        allowed[row, choice] |= self.survives[row, choice]
        return replace(self, allowed=allowed)


def everything_but(predicates: Sequence[Predicate]) -> Callable[[Condition], bool]:
    """Conditions that the class `any` must serve: all whose delta no other class takes."""

    def served(condition: Condition) -> bool:
        delta = delta_of(condition)
        return delta is None or not any(predicate.holds(delta) for predicate in predicates)

    return served


def only(predicate: Predicate, before: Sequence[Predicate] = ()) -> Callable[[Condition], bool]:
    """Conditions that an alignment class must serve, behind the classes that are tried before it."""

    def served(condition: Condition) -> bool:
        delta = delta_of(condition)
        return delta is not None and predicate.holds(delta) and not any(other.holds(delta) for other in before)

    return served


def gather(
    comparisons: pd.DataFrame,
    cells: Sequence[Cell],
    max_sizes: Mapping[str, int],
    *,
    served: Callable[[Condition], bool],
    weights: Weights,
) -> Evidence:
    """Combines the comparisons of the served conditions.

    Args:
        comparisons: one row a block x candidate: condition, size, candidate, estimate, low, high, processes,
            margin, verdict, baseline_ns.
        cells: from `cells.cut`.
        max_sizes: largest number of bytes each kernel accepts, by name; other candidates are ignored.
        served: which conditions count.
        weights: how much each counts.
    """
    kernels = (BASELINE, *sorted(set(max_sizes) - {BASELINE, AA_ARM}))
    limits = np.array([math.inf, *(max_sizes[kernel] for kernel in kernels[1:])])
    tally = _Tally(len(cells), limits)
    for key, rows in comparisons.groupby("condition", sort=True):
        condition = Condition.parse(str(key))
        if served(condition):
            tally.add(condition, _Grid.of(rows, kernels), cells, weights.of(condition))
    return tally.result(tuple(cells), kernels)


@dataclass(frozen=True)
class _Grid:
    """One condition's measurements, sizes x kernels; not a number where there is none."""

    sizes: list[int]
    estimate: Floats
    low: Floats
    high: Floats
    """Infinite, both, where too few processes measured it."""
    processes: Floats
    lost_ns: Floats
    """What the kernel takes longer than libc, nanoseconds a copy."""
    margin: Floats
    win: Bools

    def slower(self, below: int, above: int, size: float) -> Bools:
        """Which kernels are slower than libc at a size between two measured ones, beyond doubt.

        Interpolated over log size: where conditions are measured far apart, one end's loss is not the whole gap's.
        """
        first, last = self.sizes[below], self.sizes[above]
        part = 0.0 if first == last else math.log(min(max(size, first), last) / first) / math.log(last / first)

        def at(table: Floats) -> Floats:
            start, end = table[below], table[above]
            between = (1 - part) * start + part * end if 0 < part < 1 else (end if part else start)
            known: Floats = np.where(np.isnan(end), start, np.where(np.isnan(start), end, between))
            return known

        estimate, high = at(self.estimate), at(self.high)
        large = (estimate < -at(self.margin)) | ((estimate < -CERTAIN_LOSS) & (at(self.lost_ns) > CERTAIN_LOSS_NS))
        return large & ((high < 0) | (at(self.processes) < SCOUTED))

    @classmethod
    def of(cls, rows: pd.DataFrame, kernels: Sequence[str]) -> _Grid:
        sizes = sorted({int(size) for size in rows["size"]})
        row_of = {size: i for i, size in enumerate(sizes)}
        column_of = {kernel: i for i, kernel in enumerate(kernels)}
        known = rows[rows["candidate"].isin(kernels[1:])]
        at = ([row_of[int(s)] for s in known["size"]], [column_of[str(c)] for c in known["candidate"]])

        def spread(name: str) -> Floats:
            table = np.full((len(sizes), len(kernels)), np.nan)
            table[at] = known[name].to_numpy(dtype=float)
            table[:, 0] = 0.0
            return table

        estimate, low, high, margin = (spread(name) for name in ("estimate", "low", "high", "margin"))
        processes = spread("processes")
        scouted = processes < ENOUGH
        scouted[:, 0] = False
        low[scouted], high[scouted] = -np.inf, np.inf
        win = np.zeros(estimate.shape, dtype=bool)
        win[at] = ((known["estimate"] >= known["margin"]) & (known["low"] > 0)).to_numpy()
        lost_ns = spread("baseline_ns") * np.expm1(-estimate)
        processes[:, 0] = int(rows["processes"].max())
        return cls(sizes, estimate, low, high, processes, lost_ns, margin, win)


class _Tally:
    """Running sums over conditions; all arrays cells x kernels."""

    def __init__(self, cells: int, limits: Floats) -> None:
        shape = (cells, len(limits))
        self.limits = limits
        self.weight, self.estimate, self.low, self.high = (np.zeros(shape) for _ in range(4))
        self.processes = np.full(shape, np.inf)
        self.blocks = np.zeros(shape, dtype=np.int64)
        self.survives = np.ones(shape, dtype=bool)
        self.wins = np.zeros(shape, dtype=bool)

    def add(self, condition: Condition, grid: _Grid, cells: Sequence[Cell], weight: float) -> None:
        for i, cell in enumerate(cells):
            points = covering(condition, grid.sizes, cell)
            rows = [grid.sizes.index(size) for size, _ in points]
            for row, (_, relevance) in zip(rows, points, strict=True):
                self._add_point(i, grid, row, weight * relevance / len(points))
            if condition.sizes is Sizes.FIXED or (points and points[0][1] >= RELEVANT):
                self._guard(i, cell, grid, rows)

    def _add_point(self, cell: int, grid: _Grid, row: int, weight: float) -> None:
        # A kernel that only scouts saw has no interval: that can keep it out, but not speak for it.
        counted = np.isfinite(grid.high[row]) & (weight > 0)
        self.weight[cell] += weight * counted
        for total, part in ((self.estimate, grid.estimate), (self.low, grid.low), (self.high, grid.high)):
            total[cell] += weight * np.where(counted, part[row], 0.0)
        self.processes[cell] = np.fmin(self.processes[cell], np.where(counted, grid.processes[row], np.inf))
        self.blocks[cell] += counted

    def _guard(self, cell: int, where: Cell, grid: _Grid, rows: Sequence[int]) -> None:
        """Lets kernels survive that are not slower at either end of the cell, interpolated over log size."""
        for row in rows:
            expected = self.limits >= grid.sizes[row]
            self.survives[cell] &= ~np.isnan(grid.estimate[row]) | ~expected
            self.wins[cell] |= grid.win[row] & (self.weight[cell] > 0)
        for size in (where.start, where.end) if rows else ():
            self.survives[cell] &= ~grid.slower(rows[0], rows[-1], size)

    def result(self, cells: tuple[Cell, ...], kernels: tuple[str, ...]) -> Evidence:
        known = self.weight > 0
        divisor = np.where(known, self.weight, 1.0)
        last = np.array([cell.end - 1 for cell in cells])
        # No kernel with a limit serves the endless cell, and one whose limit is `size_t`'s own does.
        fits = np.minimum(last, float(2**53))[:, None] <= self.limits[None, :]
        survives = known & fits & self.survives
        survives[:, 0] = True
        allowed = survives & self.wins & (self.low > 0)
        allowed[:, 0] = True
        return Evidence(
            cells,
            kernels,
            self.estimate / divisor,
            self.low / divisor,
            self.high / divisor,
            survives,
            allowed,
            np.where(known, self.processes, 0).astype(np.int64),
            self.blocks,
            known[:, 0],
        )
