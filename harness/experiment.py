"""The words of the project as frozen types: condition, block, experiment.

A *block* is one axis value under one condition with all its candidates; a *sample* is one timed batch of one
candidate. The types carry no behaviour beyond naming themselves, so that the worker process can import them cheaply.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final

BASELINE: Final = "libc"
AA_ARM: Final = "libc@aa"
"""The baseline under a second name. Whatever differs between the two is noise."""

PAGE: Final = 4096

ZERO_SCAN: Final = "zero_scan"
"""The experiment whose kernels look for a byte that is not zero, and whose memory is therefore zeroed."""

PATHS: Final = (
    "dma_read",
    "dma_write",
    "net_rx",
    "net_tx",
    "page_cow",
    "snapshot_save",
    "snapshot_restore",
    "migrate_send",
    "migrate_receive",
    "framebuffer_blit",
    "guest_copy",
)
"""The VM's memory paths, each an experiment: its blocks time the path itself, their size is in the path's own unit."""


class Sizes(StrEnum):
    """How the sizes of consecutive copies are drawn; the axis value is the size or the upper bound."""

    FIXED = "fixed"
    UNIFORM = "uniform"
    LOGUNIFORM = "loguniform"


class Residency(StrEnum):
    """Where source and destination live when a copy begins."""

    HOT = "hot"
    """The same two buffers again and again: in the nearest cache that holds both."""
    L3 = "l3"
    """Fresh addresses from a working set larger than L2, within the last-level cache."""
    DRAM = "dram"
    """Fresh addresses from a working set larger than the last-level cache."""


class Offsets(StrEnum):
    """How the buffers' offsets within a page are drawn, anew in each process."""

    PAGE = "page"
    """Both buffers begin a page."""
    INDEPENDENT = "independent"
    """Both uniform modulo a page, independently."""
    DELTA = "delta"
    """Source uniform modulo a page; (dst - src) mod 4096 fixed to the condition's `delta`."""


@dataclass(frozen=True, order=True)
class Condition:
    """What is held fixed while sizes are swept."""

    sizes: Sizes = Sizes.FIXED
    residency: Residency = Residency.HOT
    offsets: Offsets = Offsets.INDEPENDENT
    delta: int = 0
    """(dst - src) mod 4096 in bytes, where `offsets` is DELTA; else 0."""
    reread: bool = False
    """Whether the destination is read again after each copy, inside the timed region."""
    threads: int = 1
    """How many threads copy at once, each its own buffers."""

    def __post_init__(self) -> None:
        if not 0 <= self.delta < PAGE or (self.delta and self.offsets is not Offsets.DELTA):
            raise ValueError(f"delta {self.delta} does not fit offsets {self.offsets.value}")
        if self.threads < 1:
            raise ValueError(f"threads must be 1 or more, not {self.threads}")

    @cached_property
    def key(self) -> str:
        """Stable text of the condition, e.g. `fixed,hot,delta12,once,1t`."""
        where = f"delta{self.delta}" if self.offsets is Offsets.DELTA else self.offsets.value
        after = "reread" if self.reread else "once"
        return f"{self.sizes.value},{self.residency.value},{where},{after},{self.threads}t"

    @classmethod
    def parse(cls, key: str) -> Condition:
        """The condition whose `key` this is.

        Raises:
            ValueError: the text is no condition's key.
        """
        match = re.fullmatch(r"(\w+),(\w+),(page|independent|delta(\d+)),(reread|once),(\d+)t", key)
        if match is None:
            raise ValueError(f"{key!r} is no condition")
        sizes, residency, where, delta, after, threads = match.groups()
        offsets = Offsets.DELTA if delta is not None else Offsets(where)
        return cls(Sizes(sizes), Residency(residency), offsets, int(delta or 0), after == "reread", int(threads))


@dataclass(frozen=True, order=True)
class Block:
    """One axis value under one condition."""

    experiment: str
    condition: Condition
    size: int
    """Axis value, for copies in bytes."""

    @cached_property
    def key(self) -> str:
        """Stable text, e.g. `copy/fixed,hot,independent,once,1t/4096`."""
        return f"{self.experiment}/{self.condition.key}/{self.size}"

    @classmethod
    def parse(cls, key: str) -> Block:
        """The block whose `key` this is.

        Raises:
            ValueError: the text is no block's key.
        """
        experiment, _, rest = key.partition("/")
        condition, _, size = rest.rpartition("/")
        if not (experiment and size.isdigit()):
            raise ValueError(f"{key!r} is no block")
        return cls(experiment, Condition.parse(condition), int(size))
