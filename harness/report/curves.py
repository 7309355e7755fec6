"""A run's figure: what the kernels of its policy gain over libc, condition by condition."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from harness.config.schema import Config
from harness.experiment import AA_ARM, BASELINE, Condition, Offsets, Residency, Sizes
from harness.report.figures import Curve, Mark, Panel
from harness.report.text import bytes_text

MOST: Final = 7
"""Kernels in a figure; more cannot be told apart."""
ENOUGH: Final = 3
"""Processes that a point needs to be drawn."""

TITLES: Final = {
    Condition(): "one size again and again, hot, offsets drawn independently",
    Condition(sizes=Sizes.LOGUNIFORM): "unpredictable sizes, log-uniform up to the size shown",
    Condition(sizes=Sizes.UNIFORM): "unpredictable sizes, uniform up to the size shown",
    Condition(offsets=Offsets.DELTA, delta=12): "destination 12 bytes above the source modulo a page",
    Condition(residency=Residency.DRAM): "source and destination in DRAM",
}


def panels(comparisons: pd.DataFrame, config: Config) -> tuple[Panel, ...]:
    """One panel a condition of TITLES that the run measured, with the kernels that matter there."""
    made = []
    for condition, title in TITLES.items():
        rows = comparisons[(comparisons["condition"] == condition.key) & (comparisons["processes"] >= ENOUGH)]
        if len(rows["size"].unique()) < 2:
            continue
        names = kernels(rows, config)
        marks = _marks(config) if condition == Condition() else ()
        made.append(
            Panel(
                title=title,
                curves=tuple(_curve(rows, name) for name in names),
                margin=float(np.expm1(rows["margin"].min())),
                marks=marks,
            )
        )
    return tuple(made)


def kernels(rows: pd.DataFrame, config: Config) -> tuple[str, ...]:
    """The policy's kernels first, then those that lead at most sizes."""
    chosen = [rule.kernel for entry in config.policy.classes for rule in entry.rules if rule.kernel != BASELINE]
    leaders = rows.loc[rows.groupby("size")["estimate"].idxmax(), "candidate"].value_counts().index
    known = set(rows["candidate"]) - {AA_ARM}
    return tuple(name for name in dict.fromkeys([*chosen, *leaders]) if name in known)[:MOST]


def _curve(rows: pd.DataFrame, name: str) -> Curve:
    """The kernel at every size of the panel, so that no line is drawn across sizes that it was not measured at."""
    sizes = np.unique(rows["size"])
    own = rows[rows["candidate"] == name].set_index("size").reindex(sizes).reset_index()
    return Curve(
        label=name,
        sizes=own["size"].to_numpy(dtype=float),
        speed=np.exp(own["estimate"].to_numpy(dtype=float)),
        low=np.exp(own["low"].to_numpy(dtype=float)),
        high=np.exp(own["high"].to_numpy(dtype=float)),
    )


def _marks(config: Config) -> tuple[Mark, ...]:
    """The policy's cuts in the class that serves every offset, and the headline with its interval."""
    cuts = [rule.low for rule in config.policy.classes[-1].rules if rule.low > 0]
    headline = config.headline
    marks = [Mark(cut, cut, cut, "") for cut in cuts]
    if headline.simd_stdlib_crossover and headline.low and headline.high:
        size = headline.simd_stdlib_crossover
        marks.append(Mark(size, headline.low, headline.high, f"crossover {bytes_text(size)}"))
    return tuple(marks)
