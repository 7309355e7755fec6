"""Where one kernel overtakes another: none, one or several sizes, each with its interval, in either order.

A point counts only where the whole interval of the difference lies beyond the margin; points between that do not count
are the crossing's surroundings. The curve of paired log ratios over log2 size is interpolated by PCHIP, which does
not overshoot, and its root found by Brent's method; where the points are monotone but for noise they are first made so
by isotonic regression. An interval is never tighter than the grid around the root.

Sources: Fritsch and Carlson (1980) for PCHIP; Brent (1973); Barlow et al., Statistical Inference under Order
Restrictions (1972).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.optimize import brentq, isotonic_regression

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """Log ratio of two candidates over size: positive where the first is faster. Arrays of one length, ascending."""

    first: str
    second: str
    sizes: Floats
    """Bytes."""
    value: Floats
    low: Floats
    high: Floats
    margin: Floats
    draws: Floats
    """Values that could as well have been measured, draws x sizes."""

    def states(self) -> NDArray[np.int64]:
        """+1 where the first is faster beyond doubt and margin, -1 where the second is, else 0."""
        faster = self.low > self.margin
        slower = self.high < -self.margin
        return faster.astype(np.int64) - slower.astype(np.int64)


@dataclass(frozen=True)
class Crossover:
    """A size at which the faster of two candidates changes."""

    size: float
    """Bytes."""
    low: float
    high: float
    below: str
    """The faster one at smaller sizes."""
    above: str


def crossovers(curve: Curve, level: float = 0.95) -> tuple[Crossover, ...]:
    """Every crossover of the curve, ascending; empty where one candidate is never beaten beyond doubt."""
    states = curve.states()
    counted = np.flatnonzero(states)
    return tuple(
        _locate(curve, int(left), int(right), level)
        for left, right in pairwise(counted)
        if states[left] != states[right]
    )


def _locate(curve: Curve, left: int, right: int, level: float) -> Crossover:
    """The crossover between two points of opposite sign."""
    part = slice(left, right + 1)
    log_sizes = np.log2(curve.sizes[part])
    error = (curve.high[part] - curve.low[part]) / 4
    rises = bool(curve.value[right] > curve.value[left])
    root = _root(log_sizes, _monotone(curve.value[part], error, rises))
    drawn = [_root(log_sizes, _monotone(draw, error, rises)) for draw in curve.draws[:, part]]
    known = [each for each in drawn if np.isfinite(each)]
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2]) if known else (root, root)
    at = int(np.clip(np.searchsorted(log_sizes, root), 1, len(log_sizes) - 1))
    winner = (curve.second, curve.first) if rises else (curve.first, curve.second)
    return Crossover(
        size=float(2**root),
        low=float(2 ** min(low, log_sizes[at - 1])),
        high=float(2 ** max(high, log_sizes[at])),
        below=winner[0],
        above=winner[1],
    )


def _monotone(value: Floats, error: Floats, rises: bool) -> Floats:
    """The values made monotone where noise alone explains that they are not; else as they are."""
    if len(value) < 3:
        return value
    smooth = np.asarray(isotonic_regression(value, increasing=rises).x)
    return smooth if bool(np.all(np.abs(smooth - value) <= 2 * error)) else value


def _root(x: Floats, y: Floats) -> float:
    """A zero of the interpolated curve; NaN where its ends have one sign."""
    if y[0] == 0 or y[-1] == 0 or (y[0] > 0) == (y[-1] > 0):
        return float("nan")
    curve = PchipInterpolator(x, y)
    return float(brentq(lambda at: float(curve(at)), x[0], x[-1]))


@dataclass(frozen=True)
class Threshold:
    """The best rule of the old form, "the first below so many bytes, the second from there on"."""

    size: float | None
    """Bytes; None where one of the two is the better one everywhere, as far as anyone can tell."""
    low: float | None
    high: float | None
    note: str
    """What the one number hides."""


def threshold(curve: Curve, level: float = 0.95) -> Threshold:
    """The single cut that gains most over using the second everywhere, every octave of sizes counting alike."""
    states = curve.states()
    wins, losses = curve.sizes[states > 0], curve.sizes[states < 0]
    if not len(wins):
        return Threshold(None, None, None, f"{curve.first} is nowhere faster than {curve.second} beyond doubt")
    credit = np.where(np.abs(curve.value) > curve.margin, curve.value, 0.0)
    cuts = [_best_cut(curve.sizes, np.where(credit != 0, draw, 0.0)) for draw in curve.draws]
    cut = _best_cut(curve.sizes, credit)
    if cut == len(curve.sizes):
        note = f"{curve.first} is nowhere slower than {curve.second} up to the largest size"
        return Threshold(None, None, None, note)
    low, high = np.quantile(cuts, [(1 - level) / 2, (1 + level) / 2]).astype(int)
    note = _hidden(curve, wins[wins >= curve.sizes[cut]], losses[losses < curve.sizes[cut]])
    return Threshold(
        size=float(curve.sizes[cut]),
        low=float(curve.sizes[max(0, min(low, cut - 1))]),
        high=float(curve.sizes[min(len(curve.sizes) - 1, max(high, cut))]),
        note=note,
    )


def _best_cut(sizes: Floats, value: Floats) -> int:
    """How many of the smallest sizes go to the first, so that the gain over log size is largest."""
    log_sizes = np.log2(sizes)
    edges = np.concatenate([[log_sizes[0]], (log_sizes[1:] + log_sizes[:-1]) / 2, [log_sizes[-1]]])
    return int(np.argmax(np.concatenate([[0.0], np.cumsum(value * np.diff(edges))])))


def _hidden(curve: Curve, wins_above: Floats, losses_below: Floats) -> str:
    said = []
    if len(wins_above):
        said.append(f"{curve.first} is faster again at {len(wins_above)} sizes from {_span(wins_above)}")
    if len(losses_below):
        said.append(f"{curve.second} is faster at {len(losses_below)} sizes from {_span(losses_below)}")
    return "; ".join(said)


def _span(sizes: Sequence[float] | Floats) -> str:
    return f"{int(min(sizes))} to {int(max(sizes))} bytes"
