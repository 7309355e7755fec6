"""One virtual machine as a Python object."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from kernels._vm import ffi, lib
from kernels.errors import KernelError
from kernels.vm.exercise import PATHS

ERROR_SIZE: Final = 256
CHUNK: Final = 50_000_000
"""Instructions between looks at Python's signals."""


class Stop(IntEnum):
    """Why a run came back."""

    BUDGET = lib.VM_STOP_BUDGET
    EXIT = lib.VM_STOP_EXIT
    IDLE = lib.VM_STOP_IDLE
    REQUEST = lib.VM_STOP_REQUEST
    STUCK = lib.VM_STOP_STUCK


class Mode(IntEnum):
    """How a guest is started: with firmware of its own, or under the built-in SBI."""

    MACHINE = lib.VM_MODE_MACHINE
    SUPERVISOR = lib.VM_MODE_SUPERVISOR


class Clock(IntEnum):
    """What mtime counts: retired instructions (the same in every run) or the host's time."""

    INSTRUCTIONS = lib.VM_CLOCK_INSTRUCTIONS
    HOST = lib.VM_CLOCK_HOST


@dataclass(frozen=True)
class PathUse:
    """What a path has moved so far."""

    calls: int
    bytes: int
    histogram: tuple[int, ...]
    """64 counts: calls of sizes 2^i to 2^(i+1) - 1 bytes."""
    deltas: tuple[int, ...]
    """64 counts: calls with (destination - source) mod 4096 in 64 i to 64 i + 63, host addresses."""


class MachineError(KernelError):
    """The machine cannot be made, or refuses what it was asked; the text says why."""


class Machine:
    """RAM, harts and a bus.

    Args:
        ram: bytes of guest RAM, a multiple of 4096; it starts at `ram_base`.
        harts: 1 to 8, which take turns on one host thread.
        tlb_entries: size of the software TLB, a power of two.
        block_cache: decoded blocks that are kept, a power of two.
        copy_address: address of a C function of memcpy's type that every bulk path uses; libc's where None.
        clock: what mtime counts.
        ticks_divisor: retired instructions per tick of mtime.

    Raises:
        MachineError: a value out of range, or no memory.
    """

    def __init__(
        self,
        ram: int = 64 << 20,
        harts: int = 1,
        tlb_entries: int = 256,
        block_cache: int = 16384,
        copy_address: int | None = None,
        clock: Clock = Clock.INSTRUCTIONS,
        ticks_divisor: int = 10,
    ) -> None:
        self._settings = (ram, harts, tlb_entries, block_cache, copy_address, clock, ticks_divisor)
        config = ffi.new("struct vm_config *")
        try:
            config.ram_size, config.harts, config.ticks_divisor = ram, harts, ticks_divisor
            config.tlb_entries, config.block_cache, config.clock = tlb_entries, block_cache, int(clock)
        except OverflowError as error:
            raise MachineError(f"a machine's setting is out of range: {error}") from None
        self._kept: list[object] = []
        text = ffi.new("char[]", ERROR_SIZE)
        self._vm: Any = lib.vm_create(config, text, ERROR_SIZE)
        if self._vm == ffi.NULL:
            raise MachineError(_text(text))
        if copy_address is not None:
            self.set_copy(copy_address)

    def alike(self) -> Machine:
        """A new machine of the same configuration, without this one's devices."""
        return Machine(*self._settings)

    def close(self) -> None:
        """Frees the machine; its numpy views must not be used afterwards."""
        if self._vm != ffi.NULL:
            lib.vm_destroy(self._vm)
            self._vm = ffi.NULL

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_vm"):
            self.close()

    @property
    def handle(self) -> Any:
        """The C `struct vm *`, for services that have C functions of their own."""
        return self._vm

    @property
    def error(self) -> str:
        """What went wrong last, as one sentence; empty where nothing did."""
        return _text(lib.vm_error(self._vm))

    def keep(self, value: object) -> None:
        """Holds on to what C code of this machine points to."""
        self._kept.append(value)

    def load_elf(self, image: bytes | Path, mode: Mode = Mode.MACHINE) -> None:
        """Loads an ELF64 file and sets every hart to its entry.

        Raises:
            MachineError: the file cannot be read, or is no ELF file that this machine can hold.
        """
        data = _read(image) if isinstance(image, Path) else image
        if lib.vm_load_elf(self._vm, ffi.from_buffer(data), len(data), int(mode)) != 0:
            raise MachineError(f"{image}: {self.error}" if isinstance(image, Path) else self.error)

    def reset(self, entry: int, mode: Mode = Mode.MACHINE) -> None:
        """Starts over at an address; RAM stays as it is."""
        lib.vm_reset(self._vm, entry, int(mode))

    def symbol(self, name: str) -> int | None:
        """The address of a symbol of the loaded ELF file."""
        return int(lib.vm_symbol(self._vm, name.encode())) or None

    def run(self, max_instructions: int) -> Stop:
        """Runs until so many instructions are retired or something ends the run earlier."""
        reason = Stop.BUDGET
        while max_instructions > 0 and reason == Stop.BUDGET:
            chunk = min(max_instructions, CHUNK)
            reason = Stop(lib.vm_run(self._vm, chunk))
            max_instructions -= chunk
        return reason

    def request_stop(self) -> None:
        """Makes a run that is under way in another thread return soon."""
        lib.vm_request_stop(self._vm)

    @property
    def exit_code(self) -> int:
        """What the guest ended itself with; 0 is success."""
        return int(lib.vm_exit_code(self._vm))

    @property
    def instret(self) -> int:
        """Instructions retired by all harts."""
        return int(lib.vm_retired(self._vm))

    @property
    def ram_base(self) -> int:
        """Guest physical address of the first byte of RAM."""
        return int(lib.vm_ram_base(self._vm))

    @property
    def memory(self) -> npt.NDArray[np.uint8]:
        """Guest RAM, shape (ram,), without a copy. Call `memory_changed` after writing code into it."""
        return np.frombuffer(ffi.buffer(lib.vm_ram(self._vm), lib.vm_ram_size(self._vm)), dtype=np.uint8)

    def memory_changed(self) -> None:
        """Forgets decoded code, after a change of RAM from here."""
        lib.vm_ram_changed(self._vm)

    def registers(self, hart: int = 0) -> npt.NDArray[np.uint64]:
        """The hart's integer registers, shape (32,), without a copy."""
        pointer = lib.vm_registers(self._vm, self._hart(hart))
        return np.frombuffer(ffi.buffer(pointer, 32 * 8), dtype=np.uint64)

    def pc(self, hart: int = 0) -> int:
        """The address of the hart's next instruction."""
        return int(lib.vm_pc(self._vm, self._hart(hart)))

    def set_pc(self, address: int, hart: int = 0) -> None:
        """Lets the hart go on at an address."""
        lib.vm_set_pc(self._vm, self._hart(hart), address)

    def privilege(self, hart: int = 0) -> int:
        """0 user, 1 supervisor, 3 machine."""
        return int(lib.vm_privilege(self._vm, self._hart(hart)))

    def set_privilege(self, privilege: int, hart: int = 0) -> None:
        """Puts the hart into user (0), supervisor (1) or machine (3) mode."""
        lib.vm_set_privilege(self._vm, self._hart(hart), privilege)

    def csr(self, number: int, hart: int = 0) -> int:
        """A control and status register, read with machine-mode rights.

        Raises:
            MachineError: there is none of that number.
        """
        value = ffi.new("uint64_t *")
        if lib.vm_csr_read(self._vm, self._hart(hart), number, value) != 0:
            raise MachineError(f"there is no CSR 0x{number:x}")
        return int(value[0])

    def set_csr(self, number: int, value: int, hart: int = 0) -> None:
        """Writes a control and status register with machine-mode rights.

        Raises:
            MachineError: there is none of that number, or it is read-only.
        """
        if lib.vm_csr_write(self._vm, self._hart(hart), number, value) != 0:
            raise MachineError(f"CSR 0x{number:x} cannot be written")

    def bus_read(self, address: int, width: int = 4) -> int:
        """A device's register of 1, 2, 4 or 8 bytes, as a debugger reads it.

        Raises:
            MachineError: no device is there.
        """
        value = ffi.new("uint64_t *")
        if lib.vm_bus_read(self._vm, address, width, value) != 0:
            raise MachineError(f"no device has a register of {width} bytes at 0x{address:x}")
        return int(value[0])

    def bus_write(self, address: int, value: int, width: int = 4) -> None:
        """Writes a device's register.

        Raises:
            MachineError: no device is there.
        """
        if lib.vm_bus_write(self._vm, address, width, value) != 0:
            raise MachineError(f"no device has a register of {width} bytes at 0x{address:x}")

    def console_output(self) -> bytes:
        """What the guest has written since the last call."""
        size = lib.vm_console_pending(self._vm)
        buffer = bytearray(size)
        lib.vm_console_take(self._vm, ffi.from_buffer(buffer), size)
        return bytes(buffer)

    def console_input(self, data: bytes) -> None:
        """Queues bytes for the guest to read."""
        lib.vm_console_feed(self._vm, ffi.from_buffer(data), len(data))

    def set_copy(self, address: int, path: str | None = None) -> None:
        """Lets a path (all where none is named) copy by the C function at an address; also while the guest runs.

        Raises:
            MachineError: there is no path of that name.
        """
        for name in PATHS if path is None else (path,):
            lib.vm_path_set(self._vm, _path(name), address)

    def set_zero_scan(self, address: int) -> None:
        """Lets snapshots, forks and migrations find zero pages by the C function at an address; 0: by our own."""
        lib.vm_set_zero_scan(self._vm, address)

    def paths(self) -> dict[str, PathUse]:
        """What every path has moved, by name."""
        return {name: self._use(path.index) for name, path in PATHS.items()}

    def _use(self, path: int) -> PathUse:
        sizes, deltas = (
            tuple(ffi.unpack(counts(self._vm, path), 64)) for counts in (lib.vm_path_histogram, lib.vm_path_deltas)
        )
        return PathUse(int(lib.vm_path_calls(self._vm, path)), int(lib.vm_path_bytes(self._vm, path)), sizes, deltas)

    def _hart(self, hart: int) -> int:
        if not 0 <= hart < lib.vm_hart_count(self._vm):
            raise MachineError(f"there is no hart {hart}: the machine has {lib.vm_hart_count(self._vm)}")
        return hart


def _path(name: str) -> int:
    if name not in PATHS:
        raise MachineError(f"there is no path {name!r}; there are {', '.join(PATHS)}")
    return PATHS[name].index


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MachineError(f"{path} cannot be read: {error.strerror}") from None


def _text(pointer: Any) -> str:
    text: bytes = ffi.string(pointer)
    return text.decode(errors="replace")
