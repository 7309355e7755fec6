"""What a policy is worth as a whole: by calls, and by bytes. The two disagree, so both are told.

Most copies of a real program are small, most of its bytes move in large ones: by calls a policy is judged by latency,
by bytes by bandwidth.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import pandas as pd

from harness.analysis.profile import Profile
from harness.experiment import BASELINE, Condition


@dataclass(frozen=True)
class Worth:
    """libc's time over the policy's, less one, in percent; NaN where nothing was measured."""

    by_calls: float
    by_bytes: float
    profile: str


def worth(comparisons: pd.DataFrame, kernel_at: Callable[[int], str], profile: Profile) -> Worth:
    """The policy's gain under the plainest condition, each size by the profile's share of its surroundings.

    Args:
        comparisons: one row a block x candidate, as `harness.analysis.compare` makes them.
        kernel_at: the kernel that serves copies of a size at any offsets.
        profile: how often which sizes are copied.
    """
    plain = comparisons[comparisons["condition"] == Condition().key]
    rows = zip(plain["size"], plain["candidate"], plain["estimate"], strict=True)
    known = {(int(size), str(name)): float(value) for size, name, value in rows}
    sizes = sorted({size for size, _ in known})
    edges = [1, *(math.isqrt(low * high) + 1 for low, high in pairwise(sizes)), 1 << 40]
    calls = total_calls = bytes_ = total_bytes = 0.0
    for size, (low, high) in zip(sizes, pairwise(edges), strict=bool(sizes)):
        name = kernel_at(size)
        time = math.exp(-known.get((size, name), 0.0)) if name != BASELINE else 1.0
        by_calls, by_bytes = profile.call_share(low, high), profile.byte_share(low, high)
        calls, total_calls = calls + by_calls * time, total_calls + by_calls
        bytes_, total_bytes = bytes_ + by_bytes * time, total_bytes + by_bytes
    return Worth(_gain(calls, total_calls), _gain(bytes_, total_bytes), profile.name)


def _gain(time: float, total: float) -> float:
    return 100 * (total / time - 1) if time > 0 else math.nan
