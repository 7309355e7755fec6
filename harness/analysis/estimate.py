"""A block's effect and its interval: the process is the unit, rounds only sharpen each process's value.

Statistic: per process the median over rounds of log(libc / candidate), across processes their mean; interval and tests
by Student's t over processes. The mean, because processes differ by layout, often in two or three modes, and what a
program gets over many starts is the mean over layouts: the median across processes jumps from mode to mode, and
neither the bootstrap's nor any other interval around it covers then. And t, because with three to ten processes the
two-level percentile bootstrap covers 75 to 98 % where it states 95 %; t covers 94 to 97 % under normal, heavy-tailed
and contaminated processes alike. Where processes have two layouts it needs ten: 82 % at three and 89 % at four, because
all of them may have drawn the same layout (tests/analysis/test_estimate.py measures these).

Sources: Kalibera and Jones, Rigorous benchmarking in reasonable time (ISMM 2013), on the process as the unit;
Student (1908).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from harness.analysis.pairing import PairedBlock, process_medians

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Estimate:
    """A block's effects, one entry a candidate."""

    block: PairedBlock
    value: Floats
    """Log ratio log(libc / candidate): positive where the candidate is faster."""
    error: Floats
    """Standard error; infinite below two processes."""
    processes: Integers

    @property
    def freedom(self) -> Integers:
        """Degrees of freedom, one at the least."""
        return np.maximum(self.processes - 1, 1)

    def interval(self, level: float) -> tuple[Floats, Floats]:
        """Bounds at this confidence level; infinite below two processes."""
        half = stats.t.ppf((1 + level) / 2, self.freedom) * self.error
        return self.value - half, self.value + half

    def p_faster(self, margin: float = 0.0) -> Floats:
        """One-sided p-values of "log(libc / candidate) is `margin` at the most"; 1 below two processes."""
        return self._tail(self.value - margin)

    def p_slower(self, margin: float = 0.0) -> Floats:
        """One-sided p-values of "log(candidate / libc) is `margin` at the most"; 1 below two processes."""
        return self._tail(-self.value - margin)

    def _tail(self, value: Floats) -> Floats:
        known = (self.error > 0) & np.isfinite(self.error)
        score = np.divide(value, self.error, out=np.zeros_like(value), where=known)
        return np.where(known, stats.t.sf(score, self.freedom), 1.0)

    def draw(self, count: int, rng: np.random.Generator) -> Floats:
        """Values that could as well have been measured, count x candidates: the estimate with t-distributed errors."""
        error = np.where(np.isfinite(self.error), self.error, 0.0)
        return self.value + error * rng.standard_t(self.freedom, size=(count, len(self.value)))


def estimate(block: PairedBlock) -> Estimate:
    """Estimate every candidate of a block, each from the processes that measured it."""
    medians = process_medians(block)
    present = ~np.isnan(medians)
    processes = present.sum(axis=0)
    value = np.where(present, medians, 0.0).sum(axis=0) / np.maximum(processes, 1)
    squares = np.where(present, (medians - value) ** 2, 0.0).sum(axis=0)
    spread = np.sqrt(squares / np.maximum(processes - 1, 1))
    error = np.where(processes > 1, spread / np.sqrt(np.maximum(processes, 1)), np.inf)
    return Estimate(block, value, error, processes.astype(np.int64))
