"""The virtual machine: RV64IMAC with M, S and U modes, in C, driven from here."""

from kernels.vm.machine import Clock, Machine, MachineError, Mode, Stop

__all__ = ["Clock", "Machine", "MachineError", "Mode", "Stop"]
