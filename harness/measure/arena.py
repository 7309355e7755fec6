"""Memory that a block copies within, and where in it each copy goes. Runs in the worker: standard library only.

Two arenas, source and destination, are mapped anew in each process, so that their physical pages differ too.
"""

from __future__ import annotations

import functools
import math
import mmap
import random
from array import array
from dataclasses import dataclass
from typing import Any, Final

from harness.experiment import PAGE, ZERO_SCAN, Block, Offsets, Residency, Sizes
from kernels._native import ffi, lib

LINE: Final = 64
SEQUENCE: Final = 1 << 14
"""Sizes a random sequence holds before it repeats. Branch predictors learn a period of 10,000 and less."""
MAX_SLOTS: Final = 1 << 21
WORD: Final = (1 << 64) - 1


@dataclass(frozen=True)
class WorkingSets:
    """Bytes that source and destination cover together under each residency but HOT."""

    l3: int
    dram: int

    def of(self, residency: Residency) -> int:
        """Bytes for this residency."""
        return {Residency.L3: self.l3, Residency.DRAM: self.dram}[residency]


@dataclass(frozen=True)
class Placement:
    """One block's memory in this process: the C structure and what keeps it alive."""

    batch: Any
    src_offset: int
    dst_offset: int
    slots: int
    keep: tuple[Any, ...]


def draw_offsets(block: Block, rng: random.Random) -> tuple[int, int]:
    """Offsets of source and destination within their pages, bytes.

    Half of the independent ones are multiples of 16, as allocators give; the others any byte, as packets give.
    """
    condition = block.condition
    if condition.offsets is Offsets.PAGE:
        return 0, 0
    step = rng.choice((1, 16))
    source = rng.randrange(0, PAGE, step)
    if condition.offsets is Offsets.DELTA:
        return source, (source + condition.delta) % PAGE
    return source, rng.randrange(0, PAGE, step)


def draw_sizes(sizes: Sizes, bound: int, rng: random.Random) -> array[int]:
    """A sequence of sizes from 1 to `bound` bytes, 4 bytes an entry; longer than a predictor learns."""
    words = array("Q", rng.randbytes(8 * SEQUENCE))
    if sizes is Sizes.UNIFORM:
        return array("I", [1 + word % bound for word in words])
    span = math.log(bound + 1)
    return array("I", [min(bound, int(math.exp(span * (word / WORD)))) for word in words])


@functools.cache
def cold_memory(extent: int, which: str) -> mmap.mmap:
    """A working set's memory, kept for the process's later blocks: mapping it takes longer than a block."""
    return map_memory(extent)


def map_memory(size: int, *, zero: bool = False) -> mmap.mmap:
    """Anonymous private memory of `size` bytes, its pages in place; not zero, as some caches treat zeros apart."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_POPULATE", 0)
    memory = mmap.mmap(-1, size, flags=flags)
    lib.xo_fill(ffi.from_buffer("unsigned char[]", memory), size)
    if zero:
        memory[:] = bytes(size)
    return memory


def place(block: Block, sets: WorkingSets, rng: random.Random) -> Placement:
    """Map and lay out the memory of a block.

    Raises:
        MemoryError: the system has no room for it.
    """
    source, destination = draw_offsets(block, rng)
    if block.condition.residency is Residency.HOT:
        return _place_hot(block, source, destination, rng)
    return _place_cold(block, sets.of(block.condition.residency), source % LINE, destination % LINE, rng)


def _place_hot(block: Block, source: int, destination: int, rng: random.Random) -> Placement:
    condition = block.condition
    fixed = condition.sizes is Sizes.FIXED
    slots = 1 if fixed else SEQUENCE
    sizes = ffi.NULL if fixed else ffi.from_buffer("uint32_t[]", draw_sizes(condition.sizes, block.size, rng))
    extent = -(-(block.size + PAGE) // PAGE) * PAGE
    zeros = ffi.new("uint32_t[]", slots)
    zero = block.experiment == ZERO_SCAN
    memories = map_memory(extent, zero=zero), map_memory(extent)
    return _placement(block, memories, (zeros, zeros), sizes, 0, (source, destination), slots)


def _place_cold(block: Block, working_set: int, source: int, destination: int, rng: random.Random) -> Placement:
    pitch = -(-block.size // LINE) + 1
    extent = max(working_set // 2, 2 * pitch * LINE)
    in_all = extent // (pitch * LINE)
    slots = min(1 << (in_all.bit_length() - 1), MAX_SLOTS)
    places = []
    for _ in range(2):
        at = ffi.new("uint32_t[]", slots)
        lib.xo_scatter(at, slots, in_all, pitch, rng.getrandbits(64))
        places.append(at)
    memories = cold_memory(extent, "source"), cold_memory(extent, "destination")
    sizes = _cold_sizes(block, slots, rng)
    return _placement(block, memories, (places[0], places[1]), sizes, LINE, (source, destination), slots)


def _cold_sizes(block: Block, slots: int, rng: random.Random) -> Any:
    """NULL for a fixed size; else one size a slot."""
    if block.condition.sizes is Sizes.FIXED:
        return ffi.NULL
    drawn = draw_sizes(block.condition.sizes, block.size, rng)
    return ffi.new("uint32_t[]", [drawn[slot % SEQUENCE] for slot in range(slots)])


def _placement(
    block: Block,
    memories: tuple[mmap.mmap, mmap.mmap],
    at: tuple[Any, Any],
    sizes: Any,
    grain: int,
    offsets: tuple[int, int],
    slots: int,
) -> Placement:
    source, destination = (ffi.from_buffer("unsigned char[]", memory) for memory in memories)
    batch = ffi.new(
        "struct xo_batch *",
        {
            "dst": destination,
            "src": source,
            "dst_bytes": len(memories[1]),
            "src_bytes": len(memories[0]),
            "dst_at": at[1],
            "src_at": at[0],
            "sizes": sizes,
            "size": block.size,
            "grain": grain,
            "src_shift": offsets[0],
            "dst_shift": offsets[1],
            "slots": slots,
            "reread": block.condition.reread,
        },
    )
    if lib.xo_batch_check(batch) != 0:
        raise ValueError(f"the layout of {block.key} leaves its memory")
    return Placement(batch, offsets[0], offsets[1], slots, (memories, at, sizes, source, destination))
