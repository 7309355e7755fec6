"""Numbers as people read them: sizes, durations, gains with intervals."""

from __future__ import annotations


def bytes_text(size: float) -> str:
    """A size: `64 B`, `2.1 KiB`, `32 MiB`."""
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.4g} {unit}"
        size /= 1024
    return f"{size:.4g} GiB"


def seconds_text(seconds: float) -> str:
    """A duration: `42 s`, `3 min 05 s`."""
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60:02d} s"


def gain_text(gain: float | None, low: float | None, high: float | None) -> str:
    """A gain in percent with its interval: `+12.3 % [+10.1, +14.9]`; empty where there is none."""
    if gain is None:
        return ""
    if low is None or high is None:
        return f"{gain:+.1f} %"
    return f"{gain:+.1f} % [{low:+.1f}, {high:+.1f}]"


def speed_text(ratio: float, low: float, high: float) -> str:
    """A ratio of speeds with its interval: `1.12× [1.10, 1.15]`."""
    return f"{ratio:.2f}× [{low:.2f}, {high:.2f}]"
