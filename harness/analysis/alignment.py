"""Predicates over delta = (dst - src) modulo a page, as the dispatcher tests them."""

from __future__ import annotations

from dataclasses import dataclass

from harness.experiment import PAGE, Condition, Offsets


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
