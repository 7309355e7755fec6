"""Accept or roll back: pure decisions from measured differences.

A round's differences are tested together: one level for the whole run, divided by the tests that it can come to
(Bonferroni), so that twenty rounds of nothing accept nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from scipy import stats

LEVEL: Final = 0.05
"""Chance that a whole run accepts anything where nothing changed."""


@dataclass(frozen=True)
class Difference:
    """What a change did to one area: log(time before / time after), positive where it is faster now."""

    area: str
    gain: float
    error: float
    """Standard error of `gain`, over fresh processes or paired runs."""
    samples: int
    """How many of those."""

    def bound(self, level: float) -> float:
        """Half-width of the two-sided interval at this level (Student's t over samples)."""
        if self.samples < 2:
            return math.inf
        return float(stats.t.ppf(1 - level / 2, self.samples - 1)) * self.error

    def percent(self) -> float:
        """The gain in percent."""
        return 100 * math.expm1(self.gain)


@dataclass(frozen=True)
class Decision:
    """What becomes of a task."""

    accepted: bool
    why: str
    level: float
    """At which each difference was tested."""


def level_of_test(most_rounds: int, tasks_a_round: int, areas: int) -> float:
    """The level of one test, of all that a run can come to."""
    return LEVEL / max(1, most_rounds * tasks_a_round * areas)


def decide(differences: Sequence[Difference], margin: float, level: float) -> Decision:
    """Accepted if some area gains beyond the margin and none loses beyond it.

    Args:
        differences: one an area.
        margin: half-width of a tie, as a log ratio.
        level: of each test of a gain. Losses are looked for at the plain 5 %: to miss one is worse.
    """
    if not differences:
        return Decision(False, "nothing was measured", level)
    losses = [each for each in differences if each.gain + each.bound(LEVEL) < -margin or each.gain < -3 * margin]
    if losses:
        worst = min(losses, key=lambda each: each.gain)
        return Decision(False, f"{worst.area} is {-worst.percent():.1f} % slower", level)
    gains = [each for each in differences if each.gain - each.bound(level) > margin]
    if not gains:
        best = max(differences, key=lambda each: each.gain)
        return Decision(False, f"no gain beyond the margin (most: {best.area} {best.percent():+.1f} %)", level)
    best = max(gains, key=lambda each: each.gain)
    return Decision(True, f"{best.area} is {best.percent():.1f} % faster, nothing is slower", level)
