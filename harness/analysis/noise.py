"""What the machine's noise forbids us to claim: the A/A arm's error, and the margin that follows."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from harness.analysis.estimate import Estimate
from harness.experiment import AA_ARM

BANDS: Final = (64, 512, 4 << 10, 64 << 10, 1 << 20, 16 << 20)
"""Upper ends of size bands, bytes; what disturbs small copies is not what disturbs large ones."""
LEAST: Final = 0.02
"""Gains below two percent are ties whatever the noise."""
SHARE: Final = 0.95
PROCESSES: Final = 3
ENOUGH: Final = 5
"""Blocks a band needs for a percentile of its own; below that the whole run's serves."""


@dataclass(frozen=True)
class Noise:
    """The A/A arm's error: |log ratio| of the baseline to itself under a second name."""

    p95: float
    """95th percentile over all blocks."""
    bands: tuple[float, ...]
    """The same a size band, in the order of BANDS and then what lies above."""
    cycle_ns: float
    """Nanoseconds of one clock cycle."""

    def margin(self, size: int, baseline_ns: float) -> float:
        """Half-width of what is called a tie, as a log ratio: the largest of 2 %, the A/A error and one cycle."""
        cycle = np.log1p(self.cycle_ns / baseline_ns) if baseline_ns > 0 else 0.0
        return float(max(np.log1p(LEAST), self.bands[bisect_left(BANDS, size)], cycle))


def noise(estimates: Sequence[Estimate], cycle_ns: float) -> Noise:
    """The noise of a run, from its A/A arms; no noise at all where it has none.

    Blocks of few processes are left out where others are known: no verdict rests on them, and their error is larger.
    """
    arms = [
        (found.block.size, abs(float(found.value[at])), int(found.processes[at]))
        for found in estimates
        if AA_ARM in found.block.candidates
        for at in [found.block.candidates.index(AA_ARM)]
    ]
    errors = [(size, error) for size, error, count in arms if count >= PROCESSES] or [arm[:2] for arm in arms]
    everywhere = _p95([error for _, error in errors])
    bands = []
    for band in range(len(BANDS) + 1):
        own = [error for size, error in errors if bisect_left(BANDS, size) == band]
        bands.append(_p95(own) if len(own) >= ENOUGH else everywhere)
    return Noise(everywhere, tuple(bands), cycle_ns)


def _p95(errors: Sequence[float]) -> float:
    return float(np.quantile(errors, SHARE)) if errors else 0.0
