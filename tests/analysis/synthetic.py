"""Comparisons made up from exact log ratios."""

import math

import pandas as pd

HOT = "fixed,hot,independent,once,1t"
PAGE = "fixed,hot,page,once,1t"
DRAM = "fixed,dram,independent,once,1t"
RANDOM = "uniform,hot,independent,once,1t"
MARGIN = 0.02


def delta(value):
    return f"fixed,hot,delta{value},once,1t"


def row(condition, size, candidate, estimate, *, half=0.005, margin=MARGIN, processes=10):
    """One comparison; `estimate` is log(libc / candidate)."""
    low, high = estimate - half, estimate + half
    verdict = "win" if low > margin else "loss" if high < -margin else "tie"
    return {
        "condition": condition,
        "size": size,
        "candidate": candidate,
        "estimate": estimate,
        "low": low,
        "high": high,
        "processes": processes,
        "margin": margin,
        "verdict": verdict,
    }


def grid(condition, sizes, **curves):
    """Rows of several candidates over sizes; a curve is a number, or gives one (or None) for a size."""
    rows = []
    for size in sizes:
        for candidate, curve in curves.items():
            estimate = curve(size) if callable(curve) else curve
            if estimate is not None:
                rows.append(row(condition, size, candidate, estimate))
    return rows


def frame(*parts):
    return pd.DataFrame([entry for part in parts for entry in part])


def libc_ns(size):
    """5 ns a call and 20 bytes a nanosecond."""
    return 5 + size / 20


UNLIMITED = 2**64 - 1
TWICE = math.log(2)
