"""What the policy loses against the best candidate at each measured block, in percent.

The best of many noisy candidates looks better than it is (the winner's curse). So the processes are split: one half
picks the best candidate, the other says how much better it is; then the halves change places, over several splits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.analysis.alignment import delta_of
from harness.analysis.cells import LATENCY_BYTES, SCALAR_MAX
from harness.experiment import AA_ARM, BASELINE, PAGE, Condition, Sizes

if TYPE_CHECKING:
    from harness.analysis.policy import PolicyTable

Floats = NDArray[np.float64]

SPLITS: Final = 8
DELTAS: Final = range(0, PAGE, 61)
"""These stand for the deltas of a condition that mixes them: an odd step apart, so that all low bits occur alike."""
SIZE_SAMPLES: Final = 32
"""How many sizes stand for a random mix."""

UNMEASURED: Final = 0.5
"""A block is judged if kernels that it did not measure serve less than this share of its time."""


@dataclass(frozen=True)
class BlockRegret:
    """One block's."""

    condition: str
    size: int
    percent: float
    """The policy's time over the best candidate's, less one; below 0 where the best was best by luck."""
    best: str
    """The candidate with the best estimate over all processes."""


@dataclass(frozen=True)
class Regret:
    """Over all blocks."""

    blocks: tuple[BlockRegret, ...]
    mean: float
    """Percent, from the geometric mean of time ratios; 0 without blocks."""

    @property
    def worst(self) -> BlockRegret | None:
        """The block with the largest regret; None without blocks."""
        return max(self.blocks, key=lambda block: block.percent, default=None)


def regret(medians: pd.DataFrame, policy: PolicyTable, seed: int = 0) -> Regret:
    """Judges a policy by the blocks that were measured.

    Args:
        medians: one row a block x candidate x process: condition, size, candidate, process, ratio (the median of
            log(libc ns / candidate ns) over the process's rounds). Libc's own rows may be absent.
        policy: what would serve.
        seed: of the splits.
    """
    rng = np.random.default_rng(seed)
    blocks = []
    for (key, size), rows in medians.groupby(["condition", "size"], sort=True):
        block = (str(key), int(str(size)))
        table = _table(rows)
        shares = mixture(Condition.parse(block[0]), block[1], policy)
        unmeasured = sum(share for kernel, share in shares.items() if kernel not in table.columns)
        if len(table) >= 2 and unmeasured < UNMEASURED:
            blocks.append(_block(block, table, shares, rng))
    mean = float(np.mean([math.log1p(block.percent / 100) for block in blocks])) if blocks else 0.0
    return Regret(tuple(blocks), 100 * math.expm1(mean))


def _table(rows: pd.DataFrame) -> pd.DataFrame:
    """Processes x candidates that most processes measured, libc among them."""
    table = rows[rows["candidate"] != AA_ARM].pivot(index="process", columns="candidate", values="ratio")
    table[BASELINE] = 0.0
    return table.loc[:, table.notna().sum() > len(table) / 2].dropna()


def _block(
    block: tuple[str, int], table: pd.DataFrame, shares: Mapping[str, float], rng: np.random.Generator
) -> BlockRegret:
    ratios = table.to_numpy(dtype=float)
    weights = np.array([shares.get(str(candidate), 0.0) for candidate in table.columns])
    # A mix of kernels takes the mean of their times, not of their logarithms; what is not measured, libc's.
    served = -np.log(np.exp(-ratios) @ weights + (1 - weights.sum()))
    behind = [_behind(ratios, served, half) for half in _halves(len(ratios), rng)]
    best = str(table.columns[int(np.argmax(ratios.mean(axis=0)))])
    return BlockRegret(*block, 100 * math.expm1(float(np.mean(behind))), best)


def _behind(ratios: Floats, served: Floats, picking: NDArray[np.bool_]) -> float:
    """How far the policy is behind the candidate that one half of the processes picks, by the other half's word."""
    best = int(np.argmax(ratios[picking].mean(axis=0)))
    return float(np.mean(ratios[~picking, best] - served[~picking]))


def _halves(processes: int, rng: np.random.Generator) -> list[NDArray[np.bool_]]:
    halves = []
    for _ in range(SPLITS):
        half = rng.permutation(processes) < processes // 2
        halves += [half, ~half]
    return halves


def mixture(condition: Condition, size: int, policy: PolicyTable) -> dict[str, float]:
    """The share of a block's time that each kernel serves under a policy; scalar sizes are left out."""
    delta = delta_of(condition)
    deltas: Sequence[int] = DELTAS if delta is None else (delta,)
    sizes = _sizes(condition.sizes, size)
    total = len(deltas) * sum(each + LATENCY_BYTES for each in sizes)
    shares: dict[str, float] = {}
    for each in sizes:
        for value in deltas:
            kernel = policy.rule(each, value).kernel
            shares[kernel] = shares.get(kernel, 0.0) + (each + LATENCY_BYTES) / total
    return shares


def _sizes(sizes: Sizes, bound: int) -> list[int]:
    """Sizes that stand for a block's: quantiles of its distribution."""
    least = SCALAR_MAX + 1
    if sizes is Sizes.FIXED or bound <= least:
        return [bound]
    quantiles = (np.arange(SIZE_SAMPLES) + 0.5) / SIZE_SAMPLES
    if sizes is Sizes.UNIFORM:
        return [int(size) for size in least + quantiles * (bound + 1 - least)]
    return [int(size) for size in least * ((bound + 1) / least) ** quantiles]
