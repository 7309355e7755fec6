"""The judge: the dispatcher under a config, measured where the sweep did not look.

Fresh processes, sizes and offsets drawn anew. In every cell the dispatcher is compared with libc, paired, and with the
best kernel of that cell.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from harness.analysis.compare import holm
from harness.analysis.estimate import estimate
from harness.analysis.noise import noise
from harness.analysis.pairing import PairedBlock, pair, process_medians
from harness.config.header import thresholds_h
from harness.config.schema import Config
from harness.experiment import AA_ARM, BASELINE, Block, Condition, Offsets, Residency, Sizes
from harness.machine import Machine
from harness.measure.journal import Journal
from harness.measure.protocol import DISPATCH, Setup
from harness.measure.runner import limits, setup
from harness.measure.samples import samples
from harness.measure.schedule import Pace, Schedule
from harness.measure.sweep import Progress, measure

Floats = NDArray[np.float64]

ALWAYS: Final = (BASELINE, AA_ARM, DISPATCH)
BANDS: Final = (1, 16, 64, 128, 256, 1 << 10, 2112, 3 << 10, 12 << 10, 64 << 10, 1 << 20, 32 << 20, 128 << 20)
"""Edges of size bands; each cell's size is drawn within one, log-uniformly."""
DRAWS: Final = 16
"""Tries for a size that was not measured before; of the smallest, all were."""


@dataclass(frozen=True)
class Cell:
    """The dispatcher in one cell."""

    condition: str
    size: int
    libc_ns: float
    speed: float
    """libc's time over the dispatcher's."""
    low: float
    high: float
    margin: float
    """Half-width of a tie, as a log ratio."""
    verdict: str
    """win, loss or tie against libc, after Holm over the cells."""
    best: str
    """The best candidate found there."""
    regret: float
    """What the dispatcher loses against it, as a share of its time: 0.01 is one percent; negative where it is ahead."""
    processes: int


@dataclass(frozen=True)
class Verification:
    """All cells."""

    cells: tuple[Cell, ...]
    noise: float
    """The A/A arm's error at its 95th percentile, as a log ratio."""
    seconds: float
    interrupted: bool

    @property
    def losses(self) -> tuple[Cell, ...]:
        """Cells where the dispatcher is slower than libc beyond the margin."""
        return tuple(cell for cell in self.cells if cell.verdict == "loss")

    @property
    def regret(self) -> float:
        """Geometric mean over cells, as a share."""
        return math.expm1(float(np.mean([math.log1p(cell.regret) for cell in self.cells]))) if self.cells else 0.0

    @property
    def worst(self) -> Cell | None:
        """The cell of the largest regret."""
        return max(self.cells, key=lambda cell: cell.regret, default=None)

    @property
    def speed(self) -> float:
        """Geometric mean over cells of libc's time over the dispatcher's."""
        return math.exp(float(np.mean([math.log(cell.speed) for cell in self.cells]))) if self.cells else 1.0


def cells(machine: Machine, memory: int, seed: int, seen: Container[int] = ()) -> tuple[Block, ...]:
    """The cells to judge: sizes and deltas drawn from the seed, and none of the sizes `seen` where there are others."""
    rng = random.Random(seed)
    largest = min(machine.last_level_cache, memory // 4)
    return tuple(block for block in _draw(rng, machine.cpus, seen) if block.size <= largest)


def _draw(rng: random.Random, cpus: int, seen: Container[int]) -> Iterator[Block]:
    def one(low: int, high: int) -> int:
        drawn = [round(math.exp(rng.uniform(math.log(low), math.log(high)))) | 1 for _ in range(DRAWS)]
        return next((size for size in drawn if size not in seen), drawn[0])

    plain, cold = Condition(), Condition(residency=Residency.DRAM)
    for low, high in pairwise(BANDS):
        yield Block("verify", plain, one(low, high))
    for low, high in ((64, 2112), (2112, 12 << 10), (12 << 10, 1 << 20)):
        yield Block("verify", replace(plain, offsets=Offsets.PAGE), one(low, high))
    for bound in (64, 48, 250, 900, 5000):
        yield Block("verify", replace(plain, sizes=Sizes.UNIFORM), bound)
    for bound in (200, 3000):
        yield Block("verify", replace(plain, sizes=Sizes.LOGUNIFORM), bound)
    for deltas, low, high in (((1, 15), 2200, 12 << 10), ((16, 63), 2200, 12 << 10), ((1, 15), 12 << 10, 1 << 20)):
        yield Block("verify", Condition(offsets=Offsets.DELTA, delta=rng.randint(*deltas)), one(low, high))
    for low, high in ((512, 4096), (4096, 256 << 10)):
        yield Block("verify", replace(plain, residency=Residency.L3), one(low, high))
        yield Block("verify", cold, one(low, high))
    for low, high in ((1 << 20, 32 << 20), (32 << 20, 128 << 20)):
        yield Block("verify", replace(plain, reread=True), one(low, high))
        if cpus > 1:
            yield Block("verify", replace(plain, threads=cpus), one(low, high))


def verify(
    config: Config,
    machine: Machine,
    candidates: Callable[[Block], tuple[str, ...]],
    journal: Journal,
    *,
    budget: float,
    seed: int,
    seen: Container[int] = (),
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Verification:
    """Judge a config for about `budget` seconds.

    Args:
        config: whose copy policy the dispatcher obeys.
        machine: this one.
        candidates: the kernels that can serve a block.
        journal: takes every measured block.
        budget: seconds.
        seed: of the cells.
        seen: sizes to keep from, bytes: those that the policy was decided on.
        on_progress: called after every block.
    """
    few = budget < 15
    pace = Pace(lambda size: (4 if few else 6) if size < 16 << 20 else (2 if few else 3), 12, 7, 150.0)
    blocks = cells(machine, limits(machine).memory, seed, seen)
    schedule = Schedule(blocks, candidates, pace, seed, always=ALWAYS)
    outcome = measure(schedule, workers(config, machine), journal, budget, on_progress)
    return judge(pair(samples(outcome.replies)), machine.cycle_ns, outcome.seconds, outcome.interrupted)


def workers(config: Config, machine: Machine) -> Setup:
    """How workers run with the config in force."""
    return replace(setup(machine), policies=(msgspec.to_builtins(config.policy),), header=thresholds_h(config))


def judge(blocks: Sequence[PairedBlock], cycle_ns: float, seconds: float, interrupted: bool) -> Verification:
    """Decide every cell from its paired blocks."""
    found = [estimate(block) for block in blocks]
    heard = noise(found, cycle_ns)
    slower, faster = [], []
    for each in found:
        at = each.block.candidates.index(DISPATCH)
        margin = heard.margin(each.block.size, each.block.baseline_ns)
        slower.append(float(each.p_slower(margin)[at]))
        faster.append(float(each.p_faster(margin)[at]))
    adjusted = zip(holm(np.array(slower)), holm(np.array(faster)), strict=True)
    made = []
    for each, (p_slower, p_faster) in zip(found, adjusted, strict=True):
        at = each.block.candidates.index(DISPATCH)
        low, high = each.interval(0.95)
        margin = heard.margin(each.block.size, each.block.baseline_ns)
        value = float(each.value[at])
        best, regret = _regret(each.block)
        made.append(
            Cell(
                condition=each.block.condition,
                size=each.block.size,
                libc_ns=each.block.baseline_ns,
                speed=math.exp(value),
                low=float(np.exp(low[at])),
                high=float(np.exp(high[at])),
                margin=margin,
                verdict=_verdict(p_slower, p_faster),
                best=best,
                regret=regret,
                processes=int(each.processes[at]),
            )
        )
    return Verification(tuple(made), heard.p95, seconds, interrupted)


def _verdict(p_slower: float, p_faster: float) -> str:
    if p_slower < 0.05:
        return "loss"
    return "win" if p_faster < 0.05 else "tie"


def _regret(block: PairedBlock) -> tuple[str, float]:
    """The best candidate and the dispatcher's loss against it.

    The best is chosen on every other process and judged on the rest, and the other way round: the best of many noisy
    figures looks better than it is, and would look so here were it chosen and judged on the same processes.
    """
    medians = process_medians(block)
    known = [
        column
        for column, name in enumerate(block.candidates)
        if name != AA_ARM and not np.isnan(medians[:, column]).any()
    ]
    dispatch = block.candidates.index(DISPATCH)
    losses = []
    for choosing in (slice(0, None, 2), slice(1, None, 2)):
        judging = slice(1 - (choosing.start or 0), None, 2)
        if len(medians[judging]) == 0 or len(medians[choosing]) == 0:
            continue
        best = max(known, key=lambda column: float(medians[choosing, column].mean()))
        losses.append(float((medians[judging, best] - medians[judging, dispatch]).mean()))
    leader = max(known, key=lambda column: float(medians[:, column].mean()))
    return block.candidates[leader], math.expm1(float(np.mean(losses))) if losses else 0.0
