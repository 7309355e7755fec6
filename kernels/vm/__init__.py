"""The virtual machine: RV64IMAC in C, driven from Python. `from kernels.vm import Machine`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kernels.vm.machine import Clock, Machine, MachineError, Mode, Stop

__all__ = ["Clock", "Machine", "MachineError", "Mode", "Stop"]


def __getattr__(name: str) -> Any:
    """The machine on first use: it brings numpy, which those who only time paths must not load."""
    if name in __all__:
        from kernels.vm import machine

        return getattr(machine, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
