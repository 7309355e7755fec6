"""Snapshots, forks and migration of machines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kernels._vm import ffi, lib
from kernels.vm.machine import Machine, MachineError

BATCH: Final = 256
"""Pages in a piece of a migration."""
FEW: Final = 64
"""Dirty pages from which on a migration pauses the machine for the rest."""
ROUNDS: Final = 8


def _checked(machine: Machine, result: int) -> int:
    if result < 0:
        raise MachineError(machine.error)
    return result


def _taken(image: Any) -> bytes:
    """The image's bytes as our own."""
    try:
        return bytes(ffi.buffer(image.bytes, image.size))
    finally:
        lib.vm_image_free(image)


def save(machine: Machine, *, incremental: bool = False) -> bytes:
    """The machine as bytes: all of it, or what changed since its last snapshot. It may go on running.

    What devices keep outside the machine (a disk's image) is not in it.

    Raises:
        MachineError: no memory, or nothing to build on.
    """
    image = ffi.new("struct vm_image *")
    _checked(machine, lib.vm_snapshot_save(machine.handle, incremental, image))
    return _taken(image)


def set_gap(machine: Machine, pages: int) -> None:
    """Lets incremental snapshots write runs of dirty pages with so many clean ones between them as one."""
    lib.vm_snapshot_set_gap(machine.handle, pages)


def restore(machine: Machine, snapshots: Sequence[bytes]) -> None:
    """Lets a machine of equal configuration and devices continue where the last snapshot was taken.

    Args:
        machine: whose state is replaced.
        snapshots: a full one, then the incremental ones that build on it, in order.

    Raises:
        MachineError: one is truncated, altered, of another version or of another machine; this one stays as it was.
    """
    buffers = [ffi.from_buffer(each) for each in snapshots]
    images = ffi.new("struct vm_image[]", [{"bytes": each, "size": len(each)} for each in buffers])
    _checked(machine, lib.vm_snapshot_restore(machine.handle, images, len(buffers)))


def state_hash(machine: Machine) -> int:
    """A hash of all that decides how the machine goes on: two with one hash run alike."""
    return int(lib.vm_state_hash(machine.handle))


def dirty_pages(machine: Machine) -> npt.NDArray[np.intp]:
    """Numbers of the pages of RAM written since the last snapshot."""
    pages = lib.vm_ram_size(machine.handle) // 4096
    words = -(-pages // 64)
    bitmap = np.frombuffer(ffi.buffer(lib.vm_dirty_bitmap(machine.handle), 8 * words), dtype=np.uint8)
    return np.flatnonzero(np.unpackbits(bitmap, bitorder="little")[:pages])


def fork(machine: Machine, attach: Callable[[Machine], object] | None = None) -> Machine:
    """A second machine that continues where this one stands; pages are shared until one of the two writes.

    Args:
        machine: may be running guests afterwards as before.
        attach: gives the new machine the devices that this one has, in the same order.

    Raises:
        MachineError: the devices differ, or there is no memory.
    """
    child = machine.alike()
    try:
        if attach is not None:
            attach(child)
        _checked(child, lib.vm_fork(machine.handle, child.handle))
    except BaseException:
        child.close()
        raise
    return child


def shared_pages(machine: Machine) -> int:
    """Pages that a fork has not copied yet."""
    return int(lib.vm_shared_pages(machine.handle))


def migrate(machine: Machine, run: Callable[[Machine], object], batch: int = BATCH) -> Iterator[bytes]:
    """The pieces of a live migration, in order, for `receive`.

    Args:
        machine: the sender; it must not be run after the last piece.
        run: lets it run for a little; called between pieces, until few enough pages are left.
        batch: pages in a piece.

    Raises:
        MachineError: no memory.
    """
    _checked(machine, lib.vm_migrate_begin(machine.handle))
    for _ in range(ROUNDS):
        for piece in _pieces(machine, batch):
            yield piece
            run(machine)
        if lib.vm_migrate_round(machine.handle) <= FEW:
            break
    yield from _pieces(machine, batch)
    image = ffi.new("struct vm_image *")
    _checked(machine, lib.vm_migrate_finish(machine.handle, image))
    yield _taken(image)


def _pieces(machine: Machine, batch: int) -> Iterator[bytes]:
    """Those of one round."""
    image = ffi.new("struct vm_image *")
    while True:
        _checked(machine, lib.vm_migrate_piece(machine.handle, batch, image))
        if image.size == 0:
            return
        yield _taken(image)


def receive(machine: Machine, piece: bytes) -> bool:
    """Take a piece of a migration; True after the last one, when the machine can run.

    Raises:
        MachineError: it is damaged, or not of a machine like this one.
    """
    buffer = ffi.from_buffer(piece)
    return bool(_checked(machine, lib.vm_migrate_receive(machine.handle, buffer, len(piece))))
