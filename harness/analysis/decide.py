"""From samples to decisions: the whole analysis in the order in which its parts depend on each other."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

import numpy as np
import pandas as pd

from harness.analysis.alignment import delta_of
from harness.analysis.cells import Weights
from harness.analysis.classes import build
from harness.analysis.compare import compare
from harness.analysis.crossover import Crossover, Curve, Threshold, crossovers, threshold
from harness.analysis.curves import curve
from harness.analysis.estimate import estimate
from harness.analysis.hazard import Hazard, hazards
from harness.analysis.noise import Noise, noise
from harness.analysis.offers import offers
from harness.analysis.pairing import PairedBlock, pair, process_medians
from harness.analysis.policy import PolicyTable, Prices
from harness.analysis.profile import Profile
from harness.analysis.regret import Regret, regret
from harness.experiment import BASELINE, Condition, Sizes

NOT_SIMD: Final = frozenset({"libc", "string", "portable"})
"""Families of kernels whose copies are not vector loads and stores of their own."""


class KernelFacts(Protocol):
    """What must be known of a kernel; `kernels.copy.Kernel` is one."""

    @property
    def max_size(self) -> int:
        """Largest number of bytes it accepts."""

    @property
    def family(self) -> str:
        """What kind of kernel, e.g. libc, string or loop."""

    @property
    def isa(self) -> str:
        """Instruction set it needs."""


OPINIONS: Final = (
    (Prices(), Weights()),
    (Prices(), Weights(random_sizes=8.0)),
    (Prices(small_rule_ns=0.3, rule_ns=1.0, churn=0.05), Weights()),
    (Prices(small_rule_ns=0.3, rule_ns=1.0, churn=0.05), Weights(random_sizes=8.0)),
    (Prices(small_rule_ns=2.0, rule_ns=5.0, churn=0.1), Weights()),
)
"""What a cut costs and how much unpredictable sizes count: the opinions that a policy is made under."""


@dataclass(frozen=True)
class Decisions:
    """Everything that a run decides."""

    noise: Noise
    comparisons: pd.DataFrame
    """One row a block x candidate; columns as in `compare.COLUMNS`."""
    crossovers: Mapping[str, tuple[Crossover, ...]]
    """Per condition of fixed sizes: where the best SIMD kernel and libc overtake each other."""
    headline: Threshold
    """The one cut between the best SIMD kernel and libc under the plainest condition."""
    hazards: tuple[Hazard, ...]
    policies: tuple[PolicyTable, ...]
    """Different ones from fine to coarse; the first is what the analysis alone would choose. What a cut costs where
    sizes are unpredictable only a trial of the dispatcher tells."""
    regret: Regret
    """Of the first policy."""


def decide(
    samples: pd.DataFrame,
    *,
    cycle_ns: float,
    kernels: Mapping[str, KernelFacts],
    profile: Profile,
    level: float = 0.95,
    seed: int = 0,
) -> Decisions:
    """Decides which kernel serves what.

    Args:
        samples: one row a (block, process, round, candidate): condition, size, process, round, candidate, ns.
        cycle_ns: one clock cycle, nanoseconds.
        kernels: those that may serve, libc among them, by name.
        profile: how often which sizes are copied.
        level: confidence of intervals and verdicts.
        seed: of everything that is drawn.

    Raises:
        ValueError: there are no samples with libc in them.
    """
    blocks = pair(samples)
    if not blocks:
        raise ValueError("no block was measured with libc in it: there is nothing to decide; sweep first")
    estimates = [estimate(block) for block in blocks]
    floor = noise(estimates, cycle_ns)
    comparisons = compare(estimates, floor, level)
    found = hazards(comparisons, kernels)
    policies = _policies(comparisons, kernels, found, profile)
    curves = _curves(blocks, kernels, floor, level, seed)
    return Decisions(
        noise=floor,
        comparisons=comparisons,
        crossovers={key: crossovers(each, level) for key, each in curves.items()},
        headline=_headline(curves.get(Condition().key), level),
        hazards=found,
        policies=policies,
        regret=regret(_medians(blocks), policies[0], seed),
    )


def _curves(
    blocks: Iterable[PairedBlock], kernels: Mapping[str, KernelFacts], floor: Noise, level: float, seed: int
) -> dict[str, Curve]:
    """The best SIMD kernel against libc over size, per condition of fixed sizes with two sizes or more."""
    simd = [name for name, facts in kernels.items() if facts.family not in NOT_SIMD]
    grouped: dict[str, list[PairedBlock]] = {}
    for block in blocks:
        if Condition.parse(block.condition).sizes is Sizes.FIXED:
            grouped.setdefault(block.condition, []).append(block)
    drawn = {
        key: curve(group, simd, BASELINE, floor, name="simd", level=level, seed=seed) for key, group in grouped.items()
    }
    return {key: each for key, each in drawn.items() if each is not None}


def _headline(plain: Curve | None, level: float) -> Threshold:
    if plain is None:
        return Threshold(None, None, None, "no SIMD kernel was measured often enough at two sizes or more")
    return threshold(plain, level)


def _policies(
    comparisons: pd.DataFrame, kernels: Mapping[str, KernelFacts], found: Iterable[Hazard], profile: Profile
) -> tuple[PolicyTable, ...]:
    """One policy an opinion, the same ones once. The alignment classes are chosen under the first."""
    max_sizes = {name: facts.max_size for name, facts in kernels.items()}
    make = partial(build, max_sizes=max_sizes, profile=profile, libc_ns=baseline_time(comparisons))
    first = _classed(comparisons, found, partial(make, prices=OPINIONS[0][0], weights=OPINIONS[0][1]))
    predicates = tuple(entry.predicate for entry in first.classes[:-1])
    others = (
        make(comparisons, predicates=predicates, prices=prices, weights=weights) for prices, weights in OPINIONS[1:]
    )
    return tuple(dict.fromkeys((first, *others)))


def _classed(comparisons: pd.DataFrame, found: Iterable[Hazard], make: Callable[..., PolicyTable]) -> PolicyTable:
    """The policy with the classes that hazards and milder differences call for, where they pay."""
    guarded = make(comparisons, predicates=())
    mixes = comparisons["condition"].map(lambda key: delta_of(Condition.parse(key)) is None)
    if mixes.all() or not mixes.any():
        return guarded
    unclassed = make(comparisons[mixes], predicates=())
    offered = [*(hazard.predicate for hazard in found), *offers(comparisons, unclassed, guarded)]
    return make(comparisons, predicates=offered)


def baseline_time(comparisons: pd.DataFrame) -> Callable[[float], float]:
    """Libc's nanoseconds a copy of any size, interpolated between the sizes measured under the plainest conditions.

    Beyond the largest of them the time grows with the bytes; below the smallest it stays.
    """
    fixed = comparisons["condition"].map(lambda key: Condition.parse(key).sizes is Sizes.FIXED)
    plain = comparisons["condition"] == Condition().key
    used = next((rows for rows in (comparisons[plain], comparisons[fixed]) if len(rows)), comparisons)
    medians = used.groupby("size")["baseline_ns"].median()
    sizes, times = medians.index.to_numpy(dtype=float), medians.to_numpy(dtype=float)

    def time(size: float) -> float:
        within = math.exp(np.interp(math.log(max(size, 1)), np.log(np.maximum(sizes, 1)), np.log(times)))
        return within * max(1.0, size / float(sizes[-1]))

    return time


def _medians(blocks: Iterable[PairedBlock]) -> pd.DataFrame:
    """One row a block x candidate x process: condition, size, candidate, process, ratio."""
    parts = []
    for block in blocks:
        ratios = process_medians(block)
        processes, candidates = np.indices(ratios.shape)
        parts.append(
            pd.DataFrame(
                {
                    "condition": block.condition,
                    "size": block.size,
                    "candidate": np.asarray(block.candidates, dtype=object)[candidates.ravel()],
                    "process": processes.ravel(),
                    "ratio": ratios.ravel(),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)
