"""Predicates over delta = (dst - src) modulo a page, as the dispatcher tests them."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from harness.experiment import PAGE, Condition, Offsets

FEWEST_BITS: Final = 4
MOST_BITS: Final = 12
"""Predicates look at this many low bits of a delta: from 16 bytes to a page."""
GAP: Final = 64


@dataclass(frozen=True, order=True)
class Predicate:
    """Holds where ((delta - low) & mask) < span."""

    mask: int
    """A power of two less one, below a page."""
    low: int
    span: int

    def __post_init__(self) -> None:
        if self.mask & (self.mask + 1) or not 0 <= self.mask < PAGE:
            raise ValueError(f"mask {self.mask} is no power of two less one below a page")
        if not (0 <= self.low <= self.mask and 1 <= self.span <= self.mask + 1):
            raise ValueError(f"low {self.low} or span {self.span} lies outside mask {self.mask}")

    def holds(self, delta: int) -> bool:
        """Whether copies with this (dst - src) are meant."""
        return (delta - self.low) & self.mask < self.span

    @property
    def share(self) -> float:
        """Share of all deltas for which it holds."""
        return self.span / (self.mask + 1)


EVERYWHERE = Predicate(0, 0, 1)
"""The predicate of the class `any`."""


def delta_of(condition: Condition) -> int | None:
    """The one delta that a condition speaks for; None where deltas are mixed."""
    match condition.offsets:
        case Offsets.PAGE:
            return 0
        case Offsets.DELTA:
            return condition.delta
        case _:
            return None


def explain(positive: AbstractSet[int], negative: AbstractSet[int]) -> tuple[Predicate, ...]:
    """The fewest plain predicates that hold for every positive delta and for no negative one.

    Greedy set cover: the predicate that holds for the most positive deltas first; among equals the one that holds
    for the fewest deltas at all, then the one with the smaller mask. A predicate spans no gap wider than `GAP`
    between positive deltas, so that two far apart do not condemn all between them.
    """
    options = [option for bits in range(FEWEST_BITS, MOST_BITS + 1) for option in _runs(positive, negative, bits)]
    chosen = []
    left = set(positive) - set(negative)
    while left and options:
        best = max(options, key=lambda option: (sum(map(option.holds, left)), -option.share, -option.mask))
        chosen.append(best)
        left = {delta for delta in left if not best.holds(delta)}
        options = [option for option in options if any(map(option.holds, left))]
    return tuple(chosen)


def _runs(positive: AbstractSet[int], negative: AbstractSet[int], bits: int) -> list[Predicate]:
    """Runs of positive residues modulo 2**bits, round the end too, with no negative one among them."""
    mask = (1 << bits) - 1
    bad = {delta & mask for delta in negative}
    good = sorted({delta & mask for delta in positive} - bad)
    if not good:
        return []
    before = [good[-1], *good[:-1]]
    gaps = [(after - start) & mask for start, after in zip(before, good, strict=True)]
    breaks = [
        i
        for i, (start, gap) in enumerate(zip(before, gaps, strict=True))
        if gap > GAP or any(0 < (delta - start) & mask < gap for delta in bad)
    ]
    breaks = breaks or [gaps.index(max(gaps))]
    ends = [good[following - 1] for following in (*breaks[1:], breaks[0])]
    runs = [(good[first], ((last - good[first]) & mask) + 1) for first, last in zip(breaks, ends, strict=True)]
    return [Predicate(mask, low, span) for low, span in runs if span <= mask]
