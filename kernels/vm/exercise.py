"""Times a memory path the way its callers drive it. Runs in workers: standard library and compiled code only."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import Any, Final

from kernels._vm import ffi, lib
from kernels.errors import KernelError

PAGE: Final = 4096
BLIT_ROW: Final = 800
"""Bytes of a row that `framebuffer_blit` moves, out of rows of 2560."""


class ExerciseError(KernelError):
    """A path cannot be exercised."""


@dataclass(frozen=True)
class Path:
    """A memory path and the unit that its moves are counted in."""

    index: int
    unit: str
    bytes: int
    """Of one unit."""
    largest: int
    """Units of the largest move."""


PATHS: Final = {
    "dma_read": Path(lib.VM_PATH_DMA_READ, "bytes", 1, 1 << 20),
    "dma_write": Path(lib.VM_PATH_DMA_WRITE, "bytes", 1, 1 << 20),
    "net_rx": Path(lib.VM_PATH_NET_RX, "bytes", 1, 65550),
    "net_tx": Path(lib.VM_PATH_NET_TX, "bytes", 1, 65550),
    "page_cow": Path(lib.VM_PATH_PAGE_COW, "pages", PAGE, 1024),
    "snapshot_save": Path(lib.VM_PATH_SNAPSHOT_SAVE, "pages", PAGE, 2048),
    "snapshot_restore": Path(lib.VM_PATH_SNAPSHOT_RESTORE, "pages", PAGE, 2048),
    "migrate_send": Path(lib.VM_PATH_MIGRATE_SEND, "pages", PAGE, 1024),
    "migrate_receive": Path(lib.VM_PATH_MIGRATE_RECEIVE, "pages", PAGE, 1024),
    "framebuffer_blit": Path(lib.VM_PATH_FRAMEBUFFER_BLIT, "rows", BLIT_ROW, 1024),
    "guest_copy": Path(lib.VM_PATH_GUEST_COPY, "bytes", 1, 1 << 20),
}


class Exercise:
    """A path prepared for moves of one amount.

    Args:
        path: its name.
        amount: units a move; whole sectors of 512 bytes for `dma_*`.
        source: offset within a page where the path leaves it open (guest_copy).
        destination: likewise.

    Raises:
        ExerciseError: the amount is out of range, or there is no memory.
    """

    def __init__(self, path: str, amount: int, source: int = 0, destination: int = 0) -> None:
        self._disk: Any = None
        name: Any = ffi.NULL
        if path.startswith("dma_"):
            self._disk = tempfile.NamedTemporaryFile(prefix="crossover-disk-")  # noqa: SIM115
            self._disk.truncate(max(amount, 512))
            name = ffi.new("char[]", self._disk.name.encode())
        self._name = name
        self._exercise = lib.vm_exercise_create(PATHS[path].index, amount, source, destination, name)
        if self._exercise == ffi.NULL:
            self.close()
            raise ExerciseError(f"path {path} cannot move {amount} {PATHS[path].unit} at once")

    def time(self, copy: int, times: int) -> float:
        """Nanoseconds that so many moves take with the copy routine at this address.

        Raises:
            ExerciseError: the path failed.
        """
        took = float(lib.vm_exercise_time(self._exercise, copy, times))
        if took < 0:
            raise ExerciseError("the path failed while it was timed")
        return took

    def close(self) -> None:
        """Free the machine and the disk."""
        if self._exercise != ffi.NULL:
            lib.vm_exercise_destroy(self._exercise)
            self._exercise = ffi.NULL
        if self._disk is not None:
            self._disk.close()

    def __del__(self) -> None:
        if hasattr(self, "_exercise"):
            self.close()
