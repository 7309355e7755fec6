"""Disks, network cards and displays of a machine: virtio devices, each in a slot of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kernels._vm import ffi, lib
from kernels.vm.machine import Machine, MachineError

Send = Callable[[bytes], None]


def _attached(machine: Machine, slot: int) -> int:
    if slot < 0:
        raise MachineError(machine.error)
    return slot


class Disk:
    """A block device over a file, which is mapped into memory; its last incomplete sector of 512 bytes is left out.

    Raises:
        MachineError: the file cannot be used, or no slot is free.
    """

    def __init__(self, machine: Machine, path: Path, *, read_only: bool = False) -> None:
        self._machine = machine
        self.slot = _attached(machine, lib.vm_attach_block(machine.handle, str(path).encode(), read_only))

    def split(self, size: int) -> None:
        """Cut transfers at multiples of so many guest bytes; 0 cuts nowhere."""
        lib.vm_block_set_split(self._machine.handle, self.slot, size)


class Network:
    """A network card. What the guest sends goes to `send`; without one it comes back to the guest.

    Raises:
        MachineError: no slot is free.
    """

    def __init__(self, machine: Machine, send: Send | None = None) -> None:
        self._machine = machine
        self._callback: Any = ffi.NULL
        if send is not None:

            def forward(_user: Any, frame: Any, size: int) -> None:
                send(bytes(ffi.buffer(frame, size)))

            self._callback = ffi.callback("vm_net_send", forward)
        machine.keep(self._callback)
        self.slot = _attached(machine, lib.vm_attach_net(machine.handle, self._callback, ffi.NULL))

    def receive(self, frame: bytes) -> bool:
        """Give the guest a frame; False where it was dropped: too long, or too many wait already."""
        return bool(lib.vm_net_receive(self._machine.handle, self.slot, ffi.from_buffer(frame), len(frame)) == 0)

    @property
    def dropped(self) -> int:
        """Frames lost so far."""
        return int(lib.vm_net_dropped(self._machine.handle, self.slot))


class Display:
    """A display of `width` x `height` pixels of four bytes.

    Raises:
        MachineError: a side is out of range, or no slot is free.
    """

    def __init__(self, machine: Machine, width: int = 640, height: int = 480) -> None:
        self._machine = machine
        self.width, self.height = width, height
        self.slot = _attached(machine, lib.vm_attach_display(machine.handle, width, height))

    @property
    def pixels(self) -> npt.NDArray[np.uint8]:
        """What is shown, shape (height, width, 4), without a copy."""
        pointer = lib.vm_display_pixels(self._machine.handle, self.slot)
        view = np.frombuffer(ffi.buffer(pointer, self.width * self.height * 4), dtype=np.uint8)
        return view.reshape(self.height, self.width, 4)

    def take_dirty_rows(self) -> npt.NDArray[np.intp]:
        """Numbers of the rows that changed since the last call."""
        pointer = lib.vm_display_dirty(self._machine.handle, self.slot)
        rows = np.flatnonzero(np.frombuffer(ffi.buffer(pointer, self.height), dtype=np.uint8))
        lib.vm_display_clear_dirty(self._machine.handle, self.slot)
        return rows
