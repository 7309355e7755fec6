"""virtio devices of a machine: disks, networks and a display, attached before it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kernels._vm import ffi, lib
from kernels.vm.machine import Machine, MachineError

SIDE_MAX: Final = 4096
"""Pixels of a display's side, at most."""

MAC_SIZE: Final = 6
MAC: Final = bytes.fromhex("525400123456")
"""A network card's Ethernet address where none is given: locally administered."""


@dataclass(frozen=True)
class Disk:
    """A disk in a slot of a machine."""

    machine: Machine
    slot: int
    read_only: bool

    @property
    def content(self) -> npt.NDArray[np.uint8]:
        """The disk's bytes, shape (sectors * 512,), without a copy; not writable where the disk is read-only."""
        size = ffi.new("uint64_t *")
        pointer = lib.vm_block_bytes(self.machine.handle, self.slot, size)
        view = np.frombuffer(ffi.buffer(pointer, size[0]), dtype=np.uint8)
        view.flags.writeable = not self.read_only
        return view

    def split_transfers(self, size: int) -> None:
        """Ends each piece of a transfer where the guest's address is a multiple of `size` bytes; 0: nowhere."""
        _checked(self.machine, lib.vm_block_set_split(self.machine.handle, self.slot, size))


def attach_block(machine: Machine, image: Path | bytes, read_only: bool = False) -> Disk:
    """Attaches a disk: a host file, which guest and host share, or a copy of bytes.

    Raises:
        MachineError: the file cannot be opened or holds no sector of 512 bytes, or no slot is free.
    """
    if isinstance(image, Path):
        slot = lib.vm_attach_block(machine.handle, str(image).encode(), read_only)
    else:
        slot = lib.vm_attach_block_memory(machine.handle, ffi.from_buffer(image), len(image), read_only)
    return Disk(machine, _checked(machine, slot), read_only)


@dataclass(frozen=True)
class NetworkCounters:
    """Frames that left the guest, reached it, were dropped, and wait for its buffers."""

    sent: int
    received: int
    dropped: int
    waiting: int


@dataclass(frozen=True)
class NetworkCard:
    """A network card in a slot of a machine."""

    machine: Machine
    slot: int

    def receive(self, frame: bytes) -> bool:
        """Hands an Ethernet frame to the guest or lets it wait; False: it was dropped.

        To be called between runs, or from the card's backend, in the thread that runs the machine.
        """
        return bool(lib.vm_net_receive(self.machine.handle, self.slot, ffi.from_buffer(frame), len(frame)) > 0)

    @property
    def counters(self) -> NetworkCounters:
        """What has happened to frames so far."""
        counters = ffi.new("struct vm_net_counters *")
        lib.vm_net_count(self.machine.handle, self.slot, counters)
        return NetworkCounters(counters.sent, counters.received, counters.dropped, counters.waiting)


def attach_net(
    machine: Machine,
    backend: Callable[[bytes], None] | None = None,
    poll: Callable[[], None] | None = None,
    mac: bytes = MAC,
) -> NetworkCard:
    """Attaches a network card. Its functions run in the thread that runs the machine; their exceptions are printed.

    Args:
        machine: the machine, before it runs.
        backend: called with each Ethernet frame that the guest sends. None: frames come back to the guest.
        poll: called now and then while the machine runs, to look for frames that the card should receive.
        mac: the card's Ethernet address, 6 bytes.

    Raises:
        MachineError: no slot is free, or the address is not of 6 bytes.
    """
    if len(mac) != MAC_SIZE:
        raise MachineError(f"an Ethernet address has {MAC_SIZE} bytes, not {len(mac)}")
    send = look = ffi.NULL
    if backend is not None:

        def pass_on(_user: Any, frame: Any, size: int) -> None:
            backend(ffi.buffer(frame, size)[:])

        send = ffi.callback("vm_net_send", pass_on)
    if poll is not None:

        def look_for_frames(_user: Any) -> None:
            poll()

        look = ffi.callback("vm_net_poll", look_for_frames)
    machine.keep((send, look))
    return NetworkCard(machine, _checked(machine, lib.vm_attach_net(machine.handle, mac, send, look, ffi.NULL)))


@dataclass(frozen=True)
class Display:
    """A display in a slot of a machine."""

    machine: Machine
    slot: int

    @property
    def framebuffer(self) -> npt.NDArray[np.uint8]:
        """What is shown, shape (height, width, 4), without a copy; the order of channels is `pixel_format`'s."""
        view = self._view()
        pixels = ffi.buffer(view.pixels, view.height * view.width * 4)
        return np.frombuffer(pixels, dtype=np.uint8).reshape(view.height, view.width, 4)

    @property
    def pixel_format(self) -> int:
        """The virtio number of the pixels' format (1 is B8G8R8A8); 0 as long as the guest shows nothing."""
        return int(self._view().format)

    def take_dirty_rows(self) -> npt.NDArray[np.intp]:
        """Numbers of the rows that were written since the last call, shape (rows,)."""
        view = self._view()
        rows = np.frombuffer(ffi.buffer(view.dirty_rows, view.height), dtype=np.uint8)
        dirty = np.flatnonzero(rows)
        rows[:] = 0
        return dirty

    def _view(self) -> Any:
        view = ffi.new("struct vm_display *")
        lib.vm_display_view(self.machine.handle, self.slot, view)
        return view


def attach_display(machine: Machine, width: int = 1024, height: int = 768) -> Display:
    """Attaches a display of so many pixels, at most 4096 a side.

    Raises:
        MachineError: the size is out of range, or no slot is free.
    """
    if not (0 < width <= SIDE_MAX and 0 < height <= SIDE_MAX):
        raise MachineError(f"a display has 1 to {SIDE_MAX} pixels a side, not {width} x {height}")
    return Display(machine, _checked(machine, lib.vm_attach_display(machine.handle, width, height)))


def _checked(machine: Machine, result: Any) -> int:
    if result < 0:
        text: bytes = ffi.string(lib.vm_error(machine.handle))
        raise MachineError(text.decode(errors="replace"))
    return int(result)
