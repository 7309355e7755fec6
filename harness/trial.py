"""Chooses between policies by running them: the dispatcher under each, paired, where cuts make a difference.

Sums over kernels' times do not see what a cut costs where sizes are unpredictable: every boundary among small sizes is
a jump that is sometimes mispredicted. So the finer and the coarser policies that the analysis offers are measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from harness.analysis.estimate import Estimate, estimate
from harness.analysis.noise import noise
from harness.analysis.pairing import PairedBlock, pair
from harness.experiment import AA_ARM, BASELINE, Block, Condition, Offsets, Sizes
from harness.machine import Machine
from harness.measure.journal import Journal
from harness.measure.protocol import dispatch_under
from harness.measure.runner import setup
from harness.measure.samples import samples
from harness.measure.schedule import Pace, Schedule
from harness.measure.sweep import Progress, measure

Floats = NDArray[np.float64]

PACE: Final = Pace(lambda size: 4, 8, 7, 150.0)


@dataclass(frozen=True)
class Standing:
    """How one policy did."""

    speed: float
    """Geometric mean over blocks of libc's time over the dispatcher's."""
    losses: int
    """Blocks where it was slower than libc beyond margin and interval."""
    score: float
    """Mean log ratio over blocks, what is lost beyond the margin counted twice."""


@dataclass(frozen=True)
class Trial:
    """Which policy was chosen, and how all did, in the order given."""

    chosen: int
    standings: tuple[Standing, ...]
    interrupted: bool


def blocks() -> tuple[Block, ...]:
    """Fixed and unpredictable sizes up to 16 KiB: above, a boundary is far cheaper than a copy."""
    return tuple(_blocks())


def _blocks() -> Iterator[Block]:
    plain = Condition()
    for size in (12, 30, 60, 64, 100, 128, 180, 256, 400, 700, 1300, 2048, 3500, 9000):
        yield Block("trial", plain, size)
    for bound in (16, 64, 128, 256, 600, 1500, 6000):
        yield Block("trial", replace(plain, sizes=Sizes.UNIFORM), bound)
    for bound in (64, 256, 1024, 4096, 16384):
        yield Block("trial", replace(plain, sizes=Sizes.LOGUNIFORM), bound)
    for delta, size in ((12, 2600), (12, 9000), (200, 3000)):
        yield Block("trial", Condition(offsets=Offsets.DELTA, delta=delta), size)


def choose(
    policies: Sequence[dict[str, Any]],
    machine: Machine,
    journal: Journal,
    *,
    budget: float,
    seed: int,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Trial:
    """Measure the dispatcher under each policy (as `kernels.dispatch.table_from` reads them) for `budget` seconds."""
    arms = tuple(dispatch_under(index) for index in range(len(policies)))
    schedule = Schedule(blocks(), lambda _block: arms, PACE, seed, always=(BASELINE, AA_ARM, *arms))
    workers = replace(setup(machine), policies=tuple(policies))
    outcome = measure(schedule, workers, journal, budget, on_progress)
    return judge(pair(samples(outcome.replies)), arms, machine.cycle_ns, outcome.interrupted)


def judge(paired: Sequence[PairedBlock], arms: Sequence[str], cycle_ns: float, interrupted: bool = False) -> Trial:
    """The highest score wins; the first of equals."""
    found = [estimate(block) for block in paired]
    heard = noise(found, cycle_ns)
    margins = np.array([heard.margin(each.block.size, each.block.baseline_ns) for each in found])
    standings = tuple(_standing(found, margins, arm) for arm in arms)
    chosen = max(range(len(arms)), key=lambda index: standings[index].score)
    return Trial(chosen, standings, interrupted)


def _standing(found: Sequence[Estimate], margins: Floats, arm: str) -> Standing:
    at = [each.block.candidates.index(arm) for each in found]
    values = np.array([each.value[column] for each, column in zip(found, at, strict=True)])
    highs = np.array([each.interval(0.95)[1][column] for each, column in zip(found, at, strict=True)])
    if not len(values):
        return Standing(1.0, 0, 0.0)
    excess = np.maximum(0.0, -values - margins)
    return Standing(
        speed=math.exp(float(values.mean())),
        losses=int(((excess > 0) & (highs < 0)).sum()),
        score=float((values - excess).mean()),
    )
