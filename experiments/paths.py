"""The VM's memory paths: each over its own axis, with the alignments that its callers give it."""

from __future__ import annotations

from typing import Final

from experiments.model import Experiment, Tier, World
from harness.experiment import PATHS, Block, Condition
from kernels import copy
from kernels.vm.exercise import PATHS as EXERCISED

SECTORS: Final = (512, 1024, 4096, 16384, 65536, 262144)
FRAMES: Final = (64, 128, 590, 1500, 4096, 9000, 16384, 65535)
PAGES: Final = (1, 2, 8, 64, 512)
ROWS: Final = (1, 16, 128, 768)
BYTES: Final = (64, 256, 1024, 3000, 4096, 12000, 65536, 262144)

AMOUNTS: Final = {
    "dma_read": SECTORS,
    "dma_write": SECTORS,
    "net_rx": FRAMES,
    "net_tx": FRAMES,
    "page_cow": PAGES,
    "snapshot_save": PAGES,
    "snapshot_restore": PAGES,
    "migrate_send": PAGES,
    "migrate_receive": PAGES,
    "framebuffer_blit": ROWS,
    "guest_copy": BYTES,
}

SUMMARIES: Final = {
    "dma_read": "a disk takes what the guest writes, cut at guest pages",
    "dma_write": "a disk gives the guest what it reads, cut at guest pages",
    "net_rx": "frames into guest buffers, behind a header of 12 bytes",
    "net_tx": "frames out of guest buffers, behind a header of 12 bytes",
    "page_cow": "a fork's pages, copied when it first writes to them",
    "snapshot_save": "runs of dirty pages into a snapshot",
    "snapshot_restore": "runs of pages out of a snapshot",
    "migrate_send": "pages into the pieces of a migration",
    "migrate_receive": "pages out of the pieces of a migration",
    "framebuffer_blit": "rows of 800 bytes out of a picture of 2560 a row, to the display",
    "guest_copy": "a guest's own bulk copy, done by hypercall",
}


def _blocks(name: str, tier: Tier) -> tuple[Block, ...]:
    amounts = AMOUNTS[name][:: 2 if tier is Tier.FAST else 1]
    return tuple(Block(name, Condition(), amount) for amount in amounts)


def _candidates(block: Block) -> tuple[str, ...]:
    """Kernels that run here and take the path's largest single copy."""
    size = block.size * EXERCISED[block.experiment].bytes
    return tuple(kernel.name for kernel in copy.runnable() if kernel.max_size >= size)


def experiment(name: str) -> Experiment:
    """The experiment of one path."""

    def blocks(_world: World, tier: Tier) -> tuple[Block, ...]:
        return _blocks(name, tier)

    return Experiment(
        name=name,
        summary=SUMMARIES[name],
        axis=f"{EXERCISED[name].unit} a move",
        blocks=blocks,
        candidates=_candidates,
        bisected=Condition().key,
    )


EXPERIMENTS: Final = {name: experiment(name) for name in PATHS}
