"""What the loop tunes, as one frozen value: a kernel a band of sizes, and the machine's own numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from itertools import groupby
from typing import Any, Final

from harness.config.schema import Config
from harness.experiment import BASELINE

BANDS: Final = (0, 65, 257, 1025, 4096, 12289, 65537, (1 << 20) + 1, (32 << 20) + 1)
"""Lower bounds of the bands, bytes; the last one has no end. 65, 257 and so on: a cut must serve the power of two,
which is the commonest size, from below."""
NEAR: Final = {"mask": 4095, "low": 1, "span": 15, "min_size": 2112}
"""The class for destinations a header's length above the source modulo a page: the hazard of some `rep movsb`."""


HEADER: Final = 12
"""Bytes of a virtio-net header."""
HEADER_SIZE: Final = 8192
"""A size for which NEAR is meant."""


@dataclass(frozen=True)
class Settings:
    """One configuration of the dispatcher and the machine."""

    kernels: tuple[str, ...] = (BASELINE,) * len(BANDS)
    """By band."""
    near_kernel: str = ""
    """Of the class NEAR; empty where it is not told apart."""
    zero_scan: str = "libc"
    dma_split: int = 4096
    """Guest bytes at whose multiples a disk's transfers are cut; 0: not at all."""
    snapshot_gap: int = 4
    """Clean pages between dirty ones that an incremental snapshot writes along."""
    migrate_batch: int = 256
    """Pages a piece."""
    tlb_entries: int = 256
    block_cache: int = 16384
    rounds: tuple[int, ...] = (0,) * len(BANDS)
    """By band: the round that set its kernel; 0 for the start."""

    def policy(self) -> dict[str, Any]:
        """The copy policy, as `kernels.dispatch.table_from` reads it."""
        every = {"mask": 0, "low": 0, "span": 1, "min_size": 0, "rules": rules(self.kernels)}
        if not self.near_kernel:
            return {"classes": [every]}
        return {"classes": [{**NEAR, "rules": [{"kernel": self.near_kernel}]}, every]}

    def plain(self) -> dict[str, Any]:
        """As plain values for JSON."""
        return asdict(self)


def from_plain(values: Mapping[str, Any]) -> Settings:
    """The settings of such values; unknown ones are left alone."""
    known = {field.name for field in fields(Settings)}
    chosen: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }
    return Settings(**{name: value for name, value in chosen.items() if name in known})


def rules(kernels: tuple[str, ...]) -> list[dict[str, Any]]:
    """Rules of the bands' kernels, neighbours of one kernel joined."""
    ends = [*BANDS[1:], None]
    made = []
    for kernel, run in groupby(zip(kernels, ends, strict=True), key=lambda pair: pair[0]):
        *_, (_, end) = run
        made.append({"kernel": kernel} if end is None else {"high": end, "kernel": kernel})
    return made


def band_of(size: int) -> int:
    """The band that a size lies in."""
    return max(index for index, low in enumerate(BANDS) if size >= low)


def bounds(band: int) -> tuple[int, int]:
    """First size of a band and the first above it; the last band ends at 256 MiB, for whoever draws from it."""
    return BANDS[band], BANDS[band + 1] if band + 1 < len(BANDS) else 256 << 20


def of_config(config: Config) -> Settings:
    """The settings that come nearest to a config: what serves each band's middle, and a packet behind its header."""
    every, near = config.policy.classes[-1], _near_kernel(config)
    kernels = []
    for band in range(len(BANDS)):
        low, high = bounds(band)
        middle = round((max(low, 1) * (high - 1)) ** 0.5)
        kernels.append(next(rule.kernel for rule in every.rules if rule.high is None or middle < rule.high))
    return Settings(kernels=tuple(kernels), near_kernel=near)


def _near_kernel(config: Config) -> str:
    """The kernel of the class that holds at a header's length, for a few kilobytes; empty where there is none."""
    for entry in config.policy.classes[:-1]:
        if entry.min_size <= HEADER_SIZE and ((HEADER - entry.low) & entry.mask) < entry.span:
            return next(rule.kernel for rule in entry.rules if rule.high is None or rule.high > HEADER_SIZE)
    return ""


def old_rule(simd: str) -> Settings:
    """Where this project began: SIMD below 4096 bytes, libc from there on."""
    return Settings(kernels=tuple(simd if bounds(band)[1] <= 4097 else BASELINE for band in range(len(BANDS))))
