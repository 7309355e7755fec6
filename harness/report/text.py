"""Numbers as people read them: sizes, durations, gains with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.verify import Verification


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


def verification_text(verification: Verification) -> str:
    """A verification in one sentence."""
    losses = len(verification.losses)
    against = "nowhere slower than libc beyond the margin" if not losses else f"slower than libc in {losses} cells"
    worst = verification.worst
    text = (
        f"verified in {len(verification.cells)} cells: {verification.speed:.2f}× libc in geometric mean, {against}; "
        f"regret {100 * verification.regret:.1f} % in geometric mean"
    )
    if worst is not None:
        text += f", at worst {100 * worst.regret:.1f} % at {bytes_text(worst.size)} ({worst.condition})"
    return text
