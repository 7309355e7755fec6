"""The policy: which kernel serves which sizes, in each alignment class.

Expected cost is time relative to libc's, averaged over calls: each size counts by how often it is copied, not by how
long it takes, so that a share of small copies is not given away for a share of large ones. A compare on the way costs
its nanoseconds over libc's: that matters for small copies only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harness.analysis.alignment import EVERYWHERE, Predicate
from harness.analysis.cells import Cell
from harness.analysis.evidence import Evidence
from harness.analysis.profile import Profile, log_uniform
from harness.analysis.segments import cheapest

Floats = NDArray[np.float64]
Choice = tuple[int, ...]
"""A kernel's index a cell."""

ANY: Final = "any"
FREE: Final = 256
"""The dispatcher has a jump target for each size up to here."""
FLOOR: Final = 1e-9
"""Share of calls spread evenly over all doublings, so that sizes a profile lacks still get their best kernel."""


@dataclass(frozen=True)
class Prices:
    """What a policy's complexity costs, and what is taken for granted about alignment."""

    rule_ns: float = 0.3
    """One compare more for all sizes from a boundary on."""
    small_rule_ns: float = 0.03
    """The same up to `FREE` bytes, where the dispatcher's cuts are free: enough to keep noise from cutting."""
    class_ns: float = 0.3
    """One predicate more for all sizes from the class's `min_size` on."""
    churn: float = 0.02
    """What a boundary must save of the time that an octave of sizes around it takes: noise is no reason for a rule."""
    max_rules: int = 16
    """In one class."""
    structured: float = 0.3
    """Share of copies whose (dst - src) mod 4096 is one of the measured ones; the others are uniform."""


@dataclass(frozen=True)
class PolicyRule:
    """Sizes low <= n < high go to one kernel. Gains are libc's time over the kernel's less one, in percent."""

    low: int
    high: int | None
    kernel: str
    gain: float
    gain_low: float
    gain_high: float
    processes: int
    """Fewest fresh processes behind any measurement it rests on."""
    blocks: int
    """Measurements it rests on."""

    def serves(self, size: int) -> bool:
        """Whether copies of this size are meant."""
        return self.low <= size and (self.high is None or size < self.high)


@dataclass(frozen=True)
class PolicyClass:
    """Rules for copies of `min_size` bytes or more with ((dst - src - low) & mask) < span."""

    name: str
    mask: int
    low: int
    span: int
    min_size: int
    rules: tuple[PolicyRule, ...]

    @property
    def predicate(self) -> Predicate:
        """Which deltas are meant."""
        return Predicate(self.mask, self.low, self.span)


@dataclass(frozen=True)
class PolicyTable:
    """Classes in the order in which they are tried; `any` is last and holds always."""

    classes: tuple[PolicyClass, ...]

    def rule(self, size: int, delta: int) -> PolicyRule:
        """The rule that serves copies of this size and (dst - src)."""
        serving = next(c for c in self.classes if size >= c.min_size and c.predicate.holds(delta))
        return next(rule for rule in serving.rules if rule.serves(size))


@dataclass(frozen=True)
class Scale:
    """Turns log ratios and nanoseconds into expected relative time. Arrays: one value a cell."""

    calls: Floats
    """Share of calls."""
    per_ns: Floats
    """What a nanosecond costs that every call from the cell's lower end on spends."""

    octave: Floats
    """Share of calls in an octave of sizes as busy as the cell."""

    @classmethod
    def of(cls, cells: Sequence[Cell], profile: Profile, libc_ns: Callable[[float], float]) -> Scale:
        """Weighs cells under a profile; `libc_ns` gives libc's nanoseconds a copy of a size."""
        floor = log_uniform()
        calls = np.array(
            [
                (1 - FLOOR) * profile.call_share(cell.start, cell.end) + FLOOR * floor.call_share(cell.start, cell.end)
                for cell in cells
            ]
        )
        relative = calls / np.array([libc_ns(cell.middle) for cell in cells])
        octaves = np.array([1.0 if cell.high is None else math.log2(cell.high / max(cell.low, 1)) for cell in cells])
        return cls(calls, np.cumsum(relative[::-1])[::-1], calls / octaves)

    def cost(self, evidence: Evidence) -> Floats:
        """Cells x kernels: expected relative time."""
        return self.calls[:, None] * np.exp(-evidence.estimate)


def choose(evidence: Evidence, scale: Scale, prices: Prices) -> Choice:
    """The cheapest kernel for each cell among those that may serve it."""
    cost = np.where(evidence.allowed, scale.cost(evidence), np.inf)
    free = np.array([cell.low <= FREE + 1 for cell in evidence.cells])
    price = np.where(free, prices.small_rule_ns, prices.rule_ns) * scale.per_ns
    return cheapest(cost, price + prices.churn * scale.octave, prices.max_rules)


def rules(choice: Choice, evidence: Evidence, scale: Scale, first: int = 0) -> tuple[PolicyRule, ...]:
    """A choice from cell `first` on as rules, one a run of cells with the same kernel."""
    runs = groupby(range(first, len(choice)), key=lambda cell: choice[cell])
    return tuple(_rule(list(cells), kernel, evidence, scale) for kernel, cells in runs)


def _rule(cells: list[int], kernel: int, evidence: Evidence, scale: Scale) -> PolicyRule:
    spoken_for = [cell for cell in cells if evidence.blocks[cell, kernel]] or cells
    weights = np.maximum(scale.calls[spoken_for], np.finfo(float).tiny)

    def gain(estimate: Floats) -> float:
        return 100 * math.expm1(float(np.average(estimate[spoken_for, kernel], weights=weights)))

    return PolicyRule(
        evidence.cells[cells[0]].low,
        evidence.cells[cells[-1]].high,
        evidence.kernels[kernel],
        gain(evidence.estimate),
        gain(evidence.low),
        gain(evidence.high),
        int(evidence.processes[spoken_for, kernel].min()),
        int(evidence.blocks[spoken_for, kernel].max()),
    )


def name_of(predicate: Predicate) -> str:
    """A class's name, e.g. `delta_1_15_mod_4096`."""
    last = (predicate.low + predicate.span - 1) & predicate.mask
    return f"delta_{predicate.low}_{last}_mod_{predicate.mask + 1}"


def any_class(table: tuple[PolicyRule, ...]) -> PolicyClass:
    """The class that holds always."""
    return PolicyClass(ANY, EVERYWHERE.mask, EVERYWHERE.low, EVERYWHERE.span, 0, table)
