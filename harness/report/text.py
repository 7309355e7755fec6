"""Numbers as people read them: sizes, durations, gains with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.experiment import Condition, Offsets, Residency, Sizes

if TYPE_CHECKING:
    from harness.analysis.weights import Worth
    from harness.verify import Verification


def bytes_text(size: float) -> str:
    """A size: `64 B`, `2.11 KiB`, `32 MiB`."""
    if size < 1024:
        return f"{size:.4g} B"
    for unit in ("KiB", "MiB"):
        size /= 1024
        if size < 1000:
            return f"{size:.3g} {unit}"
    return f"{size / 1024:.3g} GiB"


def time_text(ns: float) -> str:
    """A copy's time: `8.31 ns`, `12.4 µs`, `3.2 ms`."""
    for unit in ("ns", "µs"):
        if ns < 1000:
            return f"{ns:.3g} {unit}"
        ns /= 1000
    return f"{ns:.3g} ms"


def seconds_text(seconds: float) -> str:
    """A duration: `42 s`, `3 min 05 s`."""
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60:02d} s"


def condition_text(key: str) -> str:
    """A condition by what sets it apart from one size again and again, hot, at any offsets: `up to, in DRAM`."""
    condition = Condition.parse(key)
    words = [
        {Sizes.FIXED: "", Sizes.UNIFORM: "sizes up to", Sizes.LOGUNIFORM: "sizes up to (log)"}[condition.sizes],
        {Residency.HOT: "", Residency.L3: "in L3", Residency.DRAM: "in DRAM"}[condition.residency],
        {Offsets.INDEPENDENT: "", Offsets.PAGE: "on pages", Offsets.DELTA: f"dst − src {condition.delta}"}[
            condition.offsets
        ],
        "read again" if condition.reread else "",
        f"{condition.threads} threads" if condition.threads > 1 else "",
    ]
    return ", ".join(word for word in words if word) or "one size"


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


def worth_text(worth: Worth) -> str:
    """A policy's worth in one sentence."""
    return (
        f"as a whole, one size again and again: {worth.by_calls:+.1f} % over libc by calls, {worth.by_bytes:+.1f} % by "
        f"bytes (profile {worth.profile})"
    )


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
        text += f", at worst {100 * worst.regret:.1f} % at {bytes_text(worst.size)} ({condition_text(worst.condition)})"
    return text
