"""Paired blocks whose truth is known, as noisy as measured ones: processes differ by layout, rounds by the rest."""

import numpy as np
import pandas as pd

from harness.analysis.pairing import PairedBlock
from harness.experiment import AA_ARM, BASELINE

CONDITION = "fixed,hot,independent,once,1t"
PROCESS_NOISE = 0.02
ROUND_NOISE = 0.02


def _normal(rng, shape):
    return rng.standard_normal(shape)


def _heavy(rng, shape):
    """Student's t with 3 degrees of freedom, scaled to variance 1."""
    return rng.standard_t(3, shape) / np.sqrt(3)


def _contaminated(rng, shape):
    """One in twenty five times as wide."""
    return rng.standard_normal(shape) * np.where(rng.random(shape) < 0.05, 5.0, 1.0)


def _two_modes(rng, shape):
    """Two layouts, equally likely."""
    return rng.choice([-1.0, 1.0], shape) + 0.2 * rng.standard_normal(shape)


PROCESSES = {"normal": _normal, "heavy": _heavy, "contaminated": _contaminated, "two modes": _two_modes}


def ratios(rng, truth, *, processes=10, rounds=15, kind="normal", spread=PROCESS_NOISE):
    """Log ratios around `truth` (one a candidate), processes x rounds x candidates.

    Rounds drift within a process and one in fifty is an outlier: an interrupt that makes either side far slower.
    """
    count = len(truth)
    between = spread * PROCESSES[kind](rng, (processes, 1, count))
    within = ROUND_NOISE * _heavy(rng, (processes, rounds, count))
    slope = 0.005 * rng.standard_normal((processes, 1, count))
    drift = slope * np.linspace(-1, 1, rounds)[None, :, None]
    hit = rng.random(within.shape) < 0.02
    outlier = np.where(hit, rng.choice([-0.5, 0.5], within.shape), 0.0)
    return np.asarray(truth) + between + within + drift + outlier


def block(rng, size, *, baseline_ns=100.0, aa=True, condition=CONDITION, **truths):
    """A block of libc, its A/A arm and the candidates in `truths`; other options as in `ratios`."""
    options = {name: truths.pop(name) for name in ("processes", "rounds", "kind", "spread") if name in truths}
    known = ({AA_ARM: 0.0} if aa else {}) | truths
    values = ratios(rng, list(known.values()), **options)
    values = np.concatenate([np.zeros((*values.shape[:2], 1)), values], axis=2)
    return PairedBlock(condition, size, (BASELINE, *known), tuple(values), baseline_ns)


def samples(paired):
    """The table of samples that pairing would make these blocks of, libc at 100 ns."""
    parts = []
    for each in paired:
        values = np.stack(each.processes)
        process, turn, candidate = (axis.ravel() for axis in np.indices(values.shape))
        parts.append(
            pd.DataFrame(
                {
                    "experiment": "copy",
                    "condition": each.condition,
                    "size": each.size,
                    "process": process,
                    "round": turn,
                    "candidate": np.array(each.candidates)[candidate],
                    "ns": 100 * np.exp(-values.ravel()),
                    "src_offset": 0,
                    "dst_offset": 0,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)
