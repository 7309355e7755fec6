"""Random programs on this machine and on unicorn: registers and memory must agree."""

from __future__ import annotations

import random
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.vm import Machine
from tests.vm import programs

unicorn = pytest.importorskip("unicorn")
from unicorn import riscv_const  # noqa: E402

REGISTERS = [getattr(riscv_const, f"UC_RISCV_REG_X{i}") for i in range(32)]
POINTERS = {programs.SP: 0x400, programs.BASE: 0x800, programs.ATOMIC: 0xC00, programs.FAR: 0x1000}


def start_values(seed: int) -> list[int]:
    rng = random.Random(seed)
    special = [0, 1, 2**31, 2**63, 2**64 - 1, 2**31 - 1]
    values = [rng.choice([*special, rng.getrandbits(64), rng.getrandbits(32)]) for _ in range(32)]
    values[0] = 0
    for register, offset in POINTERS.items():
        values[register] = programs.DATA + offset
    return values


def run_unicorn(code: bytes, data: bytes, values: list[int]) -> tuple[list[int], bytes]:
    uc = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV64)
    uc.mem_map(programs.CODE, 0x20_0000)
    uc.mem_write(programs.CODE, code)
    uc.mem_write(programs.DATA, data)
    for register, value in zip(REGISTERS, values, strict=True):
        uc.reg_write(register, value)
    uc.emu_start(programs.CODE, programs.CODE + len(code) - 4)
    return [uc.reg_read(r) for r in REGISTERS], bytes(uc.mem_read(programs.DATA, programs.DATA_SIZE))


def run_machine(code: bytes, data: bytes, values: list[int], step: int) -> tuple[list[int], bytes, int]:
    with Machine(ram=4 << 20) as machine:
        at = programs.DATA - machine.ram_base
        machine.memory[: len(code)] = np.frombuffer(code, np.uint8)
        machine.memory[at : at + len(data)] = np.frombuffer(data, np.uint8)
        machine.reset(programs.CODE)
        machine.registers()[:] = values
        end = programs.CODE + len(code) - 4
        while machine.pc() != end:
            before = machine.instret
            machine.run(step)
            assert machine.instret == before + step
        registers = [int(v) for v in machine.registers()]
        return registers, machine.memory[at : at + programs.DATA_SIZE].tobytes(), machine.instret


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**63), step=st.sampled_from([1_000_000, 997, 13]))
def test_random_programs_agree(seed: int, step: int) -> None:
    code = programs.random_program(seed, 1500, 150)
    data = random.Random(seed ^ 1).randbytes(programs.DATA_SIZE)
    values = start_values(seed)
    expected_registers, expected_data = run_unicorn(code, data, values)
    registers, memory, _ = run_machine(code, data, values, step)
    assert [hex(v) for v in registers] == [hex(v) for v in expected_registers]
    assert memory == expected_data


def test_the_same_program_in_steps_of_one() -> None:
    code, values, data = programs.random_program(5, 400, 3), start_values(5), bytes(programs.DATA_SIZE)
    assert run_machine(code, data, values, 1)[:2] == run_machine(code, data, values, 1 << 20)[:2]


def test_millions_of_instructions_are_compared() -> None:
    code, values, data = programs.random_program(7, 3000, 1000), start_values(7), struct.pack("<Q", 1) * 1024
    registers, memory, retired = run_machine(code, data, values, 1 << 16)
    assert retired > 2_000_000
    assert (registers, memory) == run_unicorn(code, data, values)
