"""Alignment classes: which predicates over (dst - src) pay for their test, and the whole policy with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from harness.analysis.alignment import Predicate, delta_of
from harness.analysis.cells import Cell, Weights, cut
from harness.analysis.evidence import Evidence, everything_but, gather, only
from harness.analysis.policy import (
    Choice,
    PolicyClass,
    PolicyTable,
    Prices,
    Scale,
    any_class,
    choose,
    name_of,
    rules,
)
from harness.experiment import PAGE, Condition

if TYPE_CHECKING:
    import pandas as pd

    from harness.analysis.profile import Profile

EXACT: Final = PAGE - 1
"""The mask under which a predicate of span 1 is one delta."""
NEAR: Final = 64
"""A measured delta stands for no more than this many."""
MAX_CLASSES: Final = 15
"""Beside `any`; the dispatcher takes one more."""


def build(
    comparisons: pd.DataFrame,
    max_sizes: Mapping[str, int],
    predicates: Iterable[Predicate],
    profile: Profile,
    libc_ns: Callable[[float], float],
    *,
    weights: Weights | None = None,
    prices: Prices | None = None,
) -> PolicyTable:
    """The policy of least expected time.

    Args:
        comparisons: one row a block x candidate; see `evidence.gather`.
        max_sizes: largest number of bytes each kernel that may serve accepts, by name.
        predicates: alignment classes on offer; each is kept only if it pays for its test.
        profile: how often which sizes are copied.
        libc_ns: libc's nanoseconds a copy of a size in bytes.
        weights: how much each kind of condition counts.
        prices: what rules and classes cost.

    Raises:
        ValueError: there are no comparisons.
    """
    cells = cut(int(size) for size in comparisons["size"].unique())
    weighing = _Weighing(
        comparisons,
        cells,
        max_sizes,
        Scale.of(cells, profile, libc_ns),
        weights or Weights(),
        prices or Prices(),
    )
    return weighing.table(weighing.simplified(weighing.worthwhile(tuple(dict.fromkeys(predicates)))))


@dataclass(frozen=True)
class _Plan:
    """A choice for the class `any` and one for each class before it, with what they rest on."""

    predicates: tuple[Predicate, ...]
    choices: tuple[Choice, ...]
    evidence: tuple[Evidence, ...]
    """Both one longer than `predicates`: the last is the class `any`'s."""

    def differs_from(self, i: int) -> int | None:
        """The first cell that class i serves otherwise than `any`; None where there is none."""
        pairs = zip(self.choices[i], self.choices[-1], strict=True)
        return next((cell for cell, (own, other) in enumerate(pairs) if own != other), None)

    def choice(self, delta: int) -> Choice:
        """What serves copies of this delta."""
        holding = (i for i, predicate in enumerate(self.predicates) if predicate.holds(delta))
        return self.choices[next(holding, -1)]


@dataclass(frozen=True)
class _Weighing:
    """Everything that decides whether a class is worth its test."""

    comparisons: pd.DataFrame
    cells: tuple[Cell, ...]
    max_sizes: Mapping[str, int]
    scale: Scale
    weights: Weights
    prices: Prices

    def worthwhile(self, offered: tuple[Predicate, ...]) -> tuple[Predicate, ...]:
        """Takes in the most useful predicate, one after the other, while that saves time."""
        taken: tuple[Predicate, ...] = ()
        least = self._expected(self._plan(taken)) if offered else 0.0
        while len(taken) < MAX_CLASSES and set(offered) - set(taken):
            options = [_narrow_first((*taken, predicate)) for predicate in offered if predicate not in taken]
            times = [self._expected(self._plan(option)) for option in options]
            best = int(np.argmin(times))
            if times[best] >= least:
                break
            taken, least = options[best], times[best]
        return taken

    def simplified(self, predicates: tuple[Predicate, ...]) -> tuple[Predicate, ...]:
        """The same without classes that change nothing, and with those that adjoin and agree as one."""
        plan = self._plan(predicates)
        agreeing: dict[tuple[Choice, int], list[Predicate]] = {}
        for i, predicate in enumerate(predicates):
            if plan.differs_from(i) is not None:
                agreeing.setdefault((plan.choices[i], predicate.mask), []).append(predicate)
        return _narrow_first([one for group in agreeing.values() for one in joined(group)])

    def table(self, predicates: tuple[Predicate, ...]) -> PolicyTable:
        """The policy with these classes."""
        plan = self._plan(predicates)
        classes = []
        for i, predicate in enumerate(predicates):
            first = plan.differs_from(i)
            if first is not None:
                own = rules(plan.choices[i], plan.evidence[i], self.scale, first)
                bounds = (predicate.mask, predicate.low, predicate.span, self.cells[first].low)
                classes.append(PolicyClass(name_of(predicate), *bounds, own))
        return PolicyTable((*classes, any_class(rules(plan.choices[-1], plan.evidence[-1], self.scale))))

    def _plan(self, predicates: tuple[Predicate, ...]) -> _Plan:
        rest = self._gather(everything_but(predicates))
        default = choose(rest, self.scale, self.prices)
        own = [
            self._gather(only(predicate, predicates[:i])).or_else(rest).keeping(default)
            for i, predicate in enumerate(predicates)
        ]
        choices = (*(choose(evidence, self.scale, self.prices) for evidence in own), default)
        return _Plan(predicates, choices, (*own, rest))

    def _gather(self, served: Callable[[Condition], bool]) -> Evidence:
        return gather(self.comparisons, self.cells, self.max_sizes, served=served, weights=self.weights)

    def _expected(self, plan: _Plan) -> float:
        """Expected relative time over all deltas, prices included."""
        time = sum(
            share * self._time(plan.choice(delta), evidence) for delta, (share, evidence) in self._deltas.items()
        )
        unmeasured = 1 - sum(share for share, _ in self._deltas.values())
        for choice, deltas in Counter(map(plan.choice, range(PAGE))).items():
            time += unmeasured * deltas / PAGE * self._time(choice, self._mixed)
        firsts = [plan.differs_from(i) for i in range(len(plan.predicates))]
        tests = sum(float(self.scale.per_ns[first or 0]) for first in firsts)
        return time + self.prices.class_ns * tests

    def _time(self, choice: Choice, evidence: Evidence) -> float:
        return float(self.scale.cost(evidence)[np.arange(len(self.cells)), choice].sum())

    @cached_property
    def _mean(self) -> Evidence:
        """All conditions together: one yardstick for every plan where a delta was not measured."""
        return self._gather(everything_but(()))

    @cached_property
    def _mixed(self) -> Evidence:
        """Conditions that mix deltas: what deltas that were not measured are taken to be like."""
        return self._gather(lambda condition: delta_of(condition) is None).or_else(self._mean)

    @cached_property
    def _deltas(self) -> dict[int, tuple[float, Evidence]]:
        """Per measured delta: its share of copies, and what was measured there."""
        measured = {delta_of(Condition.parse(str(key))) for key in self.comparisons["condition"].unique()}
        deltas = sorted(delta for delta in measured if delta is not None)
        shares = neighbourhoods(deltas)
        return {
            delta: (
                self.prices.structured / len(deltas) + (1 - self.prices.structured) * min(shares[delta], NEAR / PAGE),
                self._gather(only(Predicate(EXACT, delta, 1))).or_else(self._mean),
            )
            for delta in deltas
        }


def neighbourhoods(deltas: Sequence[int]) -> dict[int, float]:
    """Share of all deltas modulo a page whose nearest measured one each is; a tie goes to the lower."""
    if not deltas:
        return {}
    points = np.array(sorted(deltas))
    apart = np.abs(np.arange(PAGE)[:, None] - points[None, :])
    nearest = np.argmin(np.minimum(apart, PAGE - apart), axis=1)
    counts = np.bincount(nearest, minlength=len(points))
    return {int(point): float(count) / PAGE for point, count in zip(points, counts, strict=True)}


def joined(predicates: Iterable[Predicate]) -> list[Predicate]:
    """Predicates of one mask, with those that adjoin or overlap as one."""
    result: list[Predicate] = []
    for following in sorted(predicates):
        last = result[-1] if result else following
        span = max(last.span, following.low + following.span - last.low)
        if result and following.low <= last.low + last.span and span <= last.mask:
            result[-1] = Predicate(last.mask, last.low, span)
        else:
            result.append(following)
    return result


def _narrow_first(predicates: Iterable[Predicate]) -> tuple[Predicate, ...]:
    """In the order in which the dispatcher tries them."""
    return tuple(sorted(predicates, key=lambda predicate: (predicate.share, predicate)))
