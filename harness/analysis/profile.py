"""Size profiles: how often a program copies how many bytes.

A profile is a histogram of calls over sizes, log-uniform within each bin (density of calls proportional to
1 / size). It weighs sizes in two ways, which disagree in real programs: by calls and by bytes.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from harness.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

FORMAT_VERSION: Final = 1
LARGEST: Final = 1 << 30
"""Upper end of the default profiles in bytes; larger copies are taken to behave like those of this size."""


@dataclass(frozen=True)
class Profile:
    """Histogram of calls over sizes."""

    name: str
    bounds: tuple[int, ...]
    """Ascending sizes in bytes, at least two, the first at least 1; bin i is `bounds[i] <= n < bounds[i + 1]`."""
    calls: tuple[float, ...]
    """Share of the calls in each bin; their sum is 1."""

    def __post_init__(self) -> None:
        if len(self.bounds) != len(self.calls) + 1 or not self.calls:
            raise ValueError(f"profile {self.name}: n bins need n + 1 bounds")
        if self.bounds[0] < 1 or any(low >= high for low, high in pairwise(self.bounds)):
            raise ValueError(f"profile {self.name}: bounds must ascend from 1 or more")
        if not all(math.isfinite(share) and share >= 0 for share in self.calls):
            raise ValueError(f"profile {self.name}: shares of calls must be numbers of 0 or more")
        if not math.isclose(sum(self.calls), 1.0, abs_tol=1e-9):
            raise ValueError(f"profile {self.name}: shares of calls must add up to 1")

    def call_share(self, low: float, high: float) -> float:
        """Share of all calls that copy low <= n < high bytes."""
        return sum(share * fraction for share, fraction, _ in self._parts(low, high))

    def byte_share(self, low: float, high: float) -> float:
        """Share of all bytes that are moved by calls of low <= n < high bytes."""
        moved = sum(share * fraction * mean for share, fraction, mean in self._parts(low, high))
        return moved / self.mean_size

    @property
    def mean_size(self) -> float:
        """Bytes a call."""
        return sum(share * mean for share, _, mean in self._parts(self.bounds[0], self.bounds[-1]))

    def _parts(self, low: float, high: float) -> list[tuple[float, float, float]]:
        """Per bin that [low, high) meets: its share of calls, the part of it within, the mean size within."""
        parts = []
        for (start, end), share in zip(pairwise(self.bounds), self.calls, strict=True):
            first, last = max(start, low), min(end, high)
            if first < last:
                width = math.log(last / first)
                parts.append((share, width / math.log(end / start), (last - first) / width))
        return parts


def from_histogram(name: str, bounds: Sequence[int], counts: Sequence[float]) -> Profile:
    """A profile from recorded counts of calls a bin.

    Raises:
        ValueError: there are no calls, or the bounds do not fit (see `Profile`).
    """
    total = math.fsum(counts)
    if not total > 0:
        raise ValueError(f"profile {name}: no calls were recorded")
    return Profile(name, tuple(bounds), tuple(count / total for count in counts))


def fleet() -> Profile:
    """Shaped like a published fleet's: 94 % of copies are 128 B or less, 73 % of bytes are in copies above 1 KiB.

    The two figures are those of DESIGN.md; the split within them is ours.
    """
    bounds = (1, 9, 33, 129, 1025, 16384, 262144, LARGEST)
    return Profile("fleet", bounds, (0.30, 0.40, 0.24, 0.055, 0.003774, 0.00122599, 1e-8))


def log_uniform(low: int = 1, high: int = LARGEST) -> Profile:
    """Every doubling of size is called as often as the next."""
    return Profile("log-uniform", (low, high), (1.0,))


def as_plain(profile: Profile) -> dict[str, Any]:
    """The profile as plain values, as files hold it."""
    return {"format": FORMAT_VERSION, "name": profile.name, "bounds": [*profile.bounds], "calls": [*profile.calls]}


def from_plain(content: Mapping[str, Any]) -> Profile:
    """The profile of such values; the calls may be counts, and other keys are left alone.

    Raises:
        ValueError: they are no profile of this format.
        KeyError: one is missing.
        TypeError: one is of another kind.
    """
    if content["format"] != FORMAT_VERSION:
        raise ValueError(f"its format is {content['format']}")
    bounds = [int(bound) for bound in content["bounds"]]
    return from_histogram(str(content["name"]), bounds, [float(count) for count in content["calls"]])


def load(path: Path) -> Profile:
    """Reads a profile from its file.

    Raises:
        UserError: the file cannot be read, or is no profile of this format.
    """
    try:
        return from_plain(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}; record one by `python -m harness trace`") from None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is no size profile of format {FORMAT_VERSION}: {error}; record it anew") from None
