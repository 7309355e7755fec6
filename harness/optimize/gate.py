"""The correctness gate: settings that copy a wrong byte, or whose guests fail, are never measured."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Final

from harness.errors import UserError
from harness.guests import GUESTS, MOST, prepared
from harness.optimize.machine import configured
from harness.optimize.settings import BANDS, Settings, bounds
from kernels import dispatch, zero_scan
from kernels._native import ffi
from kernels.errors import KernelError
from kernels.vm.guest import build
from kernels.vm.machine import Stop

LARGEST: Final = 256 << 10
TRIES: Final = 40
"""Copies a band."""
EDGE: Final = 64


def problem(settings: Settings, seed: int, *, guests: bool = True) -> str:
    """What is wrong with the settings, as a sentence; empty where nothing is."""
    try:
        table = dispatch.table_from(settings.policy())
        dispatch.install(table)
        try:
            return _copies(seed) or _scans(settings) or (_guests(settings) if guests else "")
        finally:
            dispatch.reset()
    except (KernelError, UserError) as error:
        return str(error)


def _copies(seed: int) -> str:
    """Copies of random sizes at random offsets through the dispatcher, what lies beside them untouched."""
    rng = random.Random(seed)
    copy = ffi.cast("void *(*)(void *, const void *, size_t)", dispatch.address())
    source = ffi.new("unsigned char[]", rng.randbytes(LARGEST + 8192))
    for band in range(len(BANDS)):
        low, high = bounds(band)
        if low >= LARGEST:
            continue
        for _ in range(TRIES):
            size, at, to = rng.randrange(low, min(high, LARGEST)), rng.randrange(4096), rng.randrange(EDGE, 4096)
            target = bytearray(b"\x5a" * (to + size + EDGE))
            copy(ffi.from_buffer(target)[to : to + size] if size else ffi.from_buffer(target), source + at, size)
            expected = b"\x5a" * to + bytes(ffi.buffer(source + at, size)) + b"\x5a" * EDGE
            if bytes(target) != expected:
                return f"a copy of {size} bytes under these settings is wrong"
    return ""


def _scans(settings: Settings) -> str:
    for size in (0, 1, 63, 4096, 5000):
        data = bytearray(size)
        if not zero_scan.is_zero(settings.zero_scan, data):
            return f"{settings.zero_scan} does not see that {size} bytes are zero"
        if size:
            data[size // 2] = 1
            if zero_scan.is_zero(settings.zero_scan, data):
                return f"{settings.zero_scan} overlooks a byte in {size}"
    return ""


def _guests(settings: Settings) -> str:
    with tempfile.TemporaryDirectory(prefix="crossover-") as folder:
        for name in GUESTS:
            with prepared(name, build(name, Path(folder)), configured(settings), settings.dma_split) as machine:
                machine.set_copy(dispatch.address())
                if machine.run(MOST) is not Stop.EXIT or machine.exit_code:
                    return f"guest {name} failed its own check, number {machine.exit_code}"
    return ""
