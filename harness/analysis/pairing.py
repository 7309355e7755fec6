"""Pairs batches: one log ratio against the baseline for each round, kept apart by process."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.experiment import BASELINE

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PairedBlock:
    """A block's log ratios log(ns of libc / ns of the candidate): positive where the candidate is faster."""

    condition: str
    size: int
    candidates: tuple[str, ...]
    processes: tuple[Floats, ...]
    """One array a process, rounds x candidates; NaN columns where the process did not measure the candidate."""
    baseline_ns: float
    """Median over all batches of the baseline, nanoseconds a call."""


def pair(samples: pd.DataFrame) -> tuple[PairedBlock, ...]:
    """Pair every block of the samples, in order of condition and size.

    Processes without the baseline are of no use to a paired comparison and are left out.
    """
    blocks = []
    for (condition, size), block in samples.groupby(["condition", "size"], sort=True, observed=True):
        times = block.pivot_table(index=["process", "round"], columns="candidate", values="ns", observed=True)
        if BASELINE not in times:
            continue
        times = times[times[BASELINE].notna()]
        logs: pd.DataFrame = times.apply(np.log)
        ratios = -logs.sub(logs[BASELINE], axis=0)
        blocks.append(
            PairedBlock(
                condition=str(condition),
                size=int(str(size)),
                candidates=tuple(str(name) for name in ratios.columns),
                processes=tuple(
                    np.asarray(rows, dtype=np.float64) for _, rows in ratios.groupby(level="process", sort=True)
                ),
                baseline_ns=float(times[BASELINE].median()),
            )
        )
    return tuple(blocks)


def process_medians(block: PairedBlock) -> Floats:
    """The median over rounds, processes x candidates; NaN where a process did not measure a candidate."""
    return np.stack([np.median(rounds, axis=0) for rounds in block.processes])
