"""memcpy: every copy kernel over sizes from one byte to four times the last-level cache."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product
from typing import Final

from experiments.model import Experiment, Tier, World
from harness.experiment import Block, Condition, Offsets, Residency, Sizes
from kernels import copy

KIB: Final = 1 << 10
MIB: Final = 1 << 20

MAIN: Final = Condition()
PAGES: Final = Condition(offsets=Offsets.PAGE)
UNIFORM: Final = Condition(sizes=Sizes.UNIFORM)
LOGUNIFORM: Final = Condition(sizes=Sizes.LOGUNIFORM)
IN_L3: Final = Condition(residency=Residency.L3)
IN_DRAM: Final = Condition(residency=Residency.DRAM)
REREAD: Final = Condition(reread=True)

DELTAS: Final = (
    (12, 64, 2060),
    (1, 12, 16, 40, 64, 256, 1036, 2060, 4032),
    (1, 8, 12, 16, 24, 32, 40, 64, 128, 256, 520, 1036, 2060, 3084, 4032, 4084, 4095),
)
"""(dst - src) mod 4096 by tier: near zero and near powers of two, on both sides. 12 is a virtio-net header."""
DELTA_SIZES: Final = (
    (3000, 12000),
    (1400, 3000, 9000, 24000, 200_000),
    (600, 1400, 2300, 3000, 4096, 9000, 24000, 65536, 200_000, MIB),
)

LARGE: Final = 16 * MIB
"""From here on one call takes milliseconds, and only what differs at such sizes is compared."""


def blocks(world: World, tier: Tier) -> tuple[Block, ...]:
    """Every block of the first pass."""
    largest = min((1 if tier is Tier.FAST else 4) * world.last_level, world.memory // 2)
    plan = [
        *_along(MAIN, _grid(1, largest, tier), largest),
        *_along(PAGES, _octaves(64, 16 * MIB, 4 if tier is Tier.FAST else 2), largest),
        *_along(UNIFORM, (8, 16, 32, 64, 128, 256, 512, 1024, 4096), largest),
        *_along(LOGUNIFORM, (64, 256, 1024, 4096, 16 * KIB), largest),
        *_along(IN_L3, _octaves(256, MIB, 4 if tier is Tier.FAST else 2), largest),
        *_along(IN_DRAM, _octaves(KIB, 4 * MIB, 6 if tier is Tier.FAST else 3), largest),
        *_along(REREAD, _octaves(64 * KIB, 64 * MIB, 5 if tier is Tier.FAST else 2), largest),
        *_delta_blocks(tier),
        *_threaded(world, tier),
    ]
    return tuple(dict.fromkeys(plan))


def candidates(block: Block) -> tuple[str, ...]:
    """Kernels that run here and can serve the block; of large copies only the widest kernels of each kind."""
    able = [kernel for kernel in copy.runnable() if kernel.max_size >= block.size]
    if block.size >= LARGE:
        widest = max(kernel.width for kernel in able)
        able = [kernel for kernel in able if _differs_when_large(kernel, widest)]
    return tuple(kernel.name for kernel in able)


def _differs_when_large(kernel: copy.Kernel, widest: int) -> bool:
    """Unrolling and narrower vectors make no difference to memory; stores, direction and string instructions do."""
    if kernel.family in {"libc", "string"}:
        return True
    return kernel.width == widest and (kernel.streaming or (kernel.unroll == 4 and kernel.aligned))


def _along(condition: Condition, sizes: Iterable[int], largest: int) -> Iterator[Block]:
    return (Block("copy", condition, size) for size in sizes if 0 < size <= largest)


def _octaves(low: int, high: int, step: int) -> tuple[int, ...]:
    """Powers of two from `low` to `high`, every `step`th, each moved off the power where that is the next step."""
    sizes, size, odd = [], low, False
    while size <= high:
        sizes.append(size + size // 8 + 5 if odd else size)
        size, odd = size << step, not odd
    return tuple(sizes)


def _grid(low: int, high: int, tier: Tier) -> tuple[int, ...]:
    """Powers of two; between them sizes off the grid; beside the small powers their neighbours."""
    sizes = set()
    power = low
    while power <= high:
        sizes.add(power)
        if power < LARGE:
            sizes.update(_between(power, tier))
        power <<= 2 if power >= (32 * KIB if tier is Tier.FAST else 32 * MIB) else 1
    sizes.add(high)
    return tuple(sorted(sizes))


def _between(power: int, tier: Tier) -> Iterator[int]:
    """Sizes from `power` to twice it, exclusive: odd ones, for residues matter."""
    if 64 <= power <= 8 * KIB:
        yield power + 1
    if power < 8:
        return
    steps = (Tier.FAST, 1), (Tier.DEFAULT, 2), (Tier.RIGOROUS, 4)
    count = dict(steps)[tier] if power <= 64 * KIB else min(1, int(tier))
    for part in range(1, count + 1):
        yield round(power * 2 ** (part / (count + 1))) | 1


def _delta_blocks(tier: Tier) -> Iterator[Block]:
    for delta, size in product(DELTAS[tier], DELTA_SIZES[tier]):
        yield Block("copy", Condition(offsets=Offsets.DELTA, delta=delta), size)


def _threaded(world: World, tier: Tier) -> Iterator[Block]:
    """All CPUs copying at once: the point from which streaming pays moves with the load."""
    if world.cpus < 2:
        return
    counts = {2, world.cpus} if tier is Tier.RIGOROUS else {world.cpus}
    sizes = (MIB + 5, 8 * MIB, 64 * MIB) if tier is Tier.FAST else (MIB + 5, 4 * MIB, 16 * MIB, 64 * MIB)
    for threads, size in product(sorted(counts), sizes):
        if 2 * size * threads <= world.memory:
            yield Block("copy", replace(MAIN, threads=threads), size)


EXPERIMENT: Final = Experiment(
    name="copy",
    summary="memcpy: which kernel copies n bytes fastest, for n from 1 B to four times the last-level cache",
    axis="bytes a copy",
    blocks=blocks,
    candidates=candidates,
    bisected=MAIN.key,
)
