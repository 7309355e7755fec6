"""Is a range all zero: every zero-scan kernel over sizes from one word to a megabyte, all of it zero and hot."""

from __future__ import annotations

from typing import Final

from experiments.model import Experiment, Tier, World
from harness.experiment import ZERO_SCAN, Block, Condition, Offsets
from kernels import zero_scan

PAGES: Final = Condition(offsets=Offsets.PAGE)
"""As a snapshot and a migration ask: whole pages."""
SIZES: Final = (8, 16, 31, 64, 100, 128, 256, 400, 512, 1000, 2048, 4096, 8192, 16384, 65536, 262144, 1 << 20)


def _blocks(_world: World, tier: Tier) -> tuple[Block, ...]:
    sizes = SIZES[:: 2 if tier is Tier.FAST else 1]
    return (
        *(Block(ZERO_SCAN, Condition(), size) for size in sizes),
        *(Block(ZERO_SCAN, PAGES, size) for size in (4096, 65536)),
    )


EXPERIMENT: Final = Experiment(
    name=ZERO_SCAN,
    summary="is a range all zero: which kernel says so fastest, for a snapshot's and a migration's pages",
    axis="bytes a scan",
    blocks=_blocks,
    candidates=lambda _block: tuple(kernel.name for kernel in zero_scan.runnable()),
    bisected=Condition().key,
)
