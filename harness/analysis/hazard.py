"""Hazards: where a kernel is far slower than the best one, and than itself at harmless offsets.

Found from conditions of one delta = (dst - src) modulo a page each, then reduced to the plainest predicates.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from harness.analysis.alignment import Predicate, delta_of, explain
from harness.experiment import AA_ARM, BASELINE, Condition, Offsets, Sizes

if TYPE_CHECKING:
    from collections.abc import Iterable

SLOWDOWN: Final = 1.5
"""From this on, a slow place is a hazard."""
HARMLESS: Final = 0.25
"""A kernel's time at harmless offsets is this quantile of its times over all deltas."""


@dataclass(frozen=True)
class Hazard:
    """A kernel is slow at sizes size_low <= n < size_high where ((dst - src - low) & mask) < span."""

    kernel: str
    mask: int
    low: int
    span: int
    size_low: int
    size_high: int
    slowdown: float
    """The kernel's time over the best kernel's: geometric mean over the measured points."""
    slowdown_low: float
    slowdown_high: float

    @property
    def predicate(self) -> Predicate:
        """Which deltas are meant."""
        return Predicate(self.mask, self.low, self.span)


@dataclass(frozen=True)
class Point:
    """One kernel at one delta and size."""

    kernel: str
    delta: int
    size: int
    behind: float
    """log(the kernel's ns / the best candidate's ns) at this point."""
    error: float
    """Half-width of its interval."""
    drop: float
    """log(the kernel's ns / its own at harmless offsets)."""

    @property
    def slow(self) -> bool:
        """Whether it is a hazard beyond the interval."""
        return min(self.behind, self.drop) - self.error >= math.log(SLOWDOWN)


def hazards(comparisons: pd.DataFrame, kernels: Iterable[str]) -> tuple[Hazard, ...]:
    """Every hazard of every kernel, the worst first.

    Args:
        comparisons: one row a block x candidate: condition, size, candidate, estimate, low, high, baseline_ns.
        kernels: whose hazards are looked for; the best candidate may be any.
    """
    wanted = set(kernels) - {AA_ARM}
    measured = points(comparisons)
    found = [
        hazard
        for kernel in sorted(wanted & {point.kernel for point in measured})
        for hazard in _of_kernel([point for point in measured if point.kernel == kernel])
    ]
    return tuple(sorted(found, key=lambda hazard: (-hazard.slowdown, hazard.kernel, hazard.low)))


def points(comparisons: pd.DataFrame) -> list[Point]:
    """Every kernel at every measured delta and fixed size, libc included."""
    tables: dict[Condition, list[pd.DataFrame]] = {}
    for key, rows in comparisons.groupby("condition", sort=True):
        condition = Condition.parse(str(key))
        delta = delta_of(condition)
        if delta is not None and condition.sizes is Sizes.FIXED:
            alike = replace(condition, offsets=Offsets.PAGE, delta=0)
            tables.setdefault(alike, []).append(_with_libc(rows).assign(delta=delta))
    return [point for parts in tables.values() for point in _points(pd.concat(parts, ignore_index=True))]


def _with_libc(rows: pd.DataFrame) -> pd.DataFrame:
    """One condition's rows with libc's own among them."""
    columns = ["size", "candidate", "estimate", "low", "high", "baseline_ns"]
    others = rows.loc[~rows["candidate"].isin([BASELINE, AA_ARM]), columns]
    libc = rows[["size", "baseline_ns"]].drop_duplicates("size")
    return pd.concat([others, libc.assign(candidate=BASELINE, estimate=0.0, low=0.0, high=0.0)], ignore_index=True)


def _points(table: pd.DataFrame) -> Iterator[Point]:
    """Points of conditions that differ in nothing but delta."""
    half = (table["high"] - table["low"]) / 2
    best = table.groupby(["delta", "size"])["estimate"].transform("idxmax").to_numpy()
    behind = table["estimate"].to_numpy()[best] - table["estimate"].to_numpy()
    # The two errors are independent beyond libc's, which both share.
    error = np.where(best == np.arange(len(table)), 0.0, np.hypot(half, half.to_numpy()[best]))
    time = np.log(table["baseline_ns"]) - table["estimate"]
    harmless = time.groupby([table["candidate"], table["size"]]).transform("quantile", HARMLESS)
    columns = (table["candidate"], table["delta"], table["size"], behind, error, time - harmless)
    for kernel, delta, size, gap, width, drop in zip(*columns, strict=True):
        yield Point(str(kernel), int(delta), int(size), float(gap), float(width), float(drop))


def _of_kernel(measured: Sequence[Point]) -> Iterator[Hazard]:
    slow = [point for point in measured if point.slow]
    sizes = {point.size for point in slow}
    positive = {point.delta for point in slow}
    negative = {point.delta for point in measured if point.size in sizes} - positive
    for predicate in explain(positive, negative):
        yield _hazard(predicate, [point for point in slow if predicate.holds(point.delta)])


def _hazard(predicate: Predicate, slow: Sequence[Point]) -> Hazard:
    mean, error = np.mean([point.behind for point in slow]), np.mean([point.error for point in slow])
    return Hazard(
        slow[0].kernel,
        predicate.mask,
        predicate.low,
        predicate.span,
        min(point.size for point in slow),
        max(point.size for point in slow) + 1,
        math.exp(mean),
        math.exp(mean - error),
        math.exp(mean + error),
    )
