"""Privileged behaviour, after the published specification: causes, delegation, Sv39, WARL fields, interrupts."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
import pytest

from kernels.vm import Machine, Mode, Stop
from tests.vm.assembler import (
    EBREAK,
    ECALL,
    LD,
    LW,
    MRET,
    SD,
    SFENCE_VMA,
    SRET,
    SW,
    WFI,
    addi,
    assemble,
    atomic,
    csrrs,
    csrrw,
    jal,
    jalr,
    load,
    s_type,
)

BASE, HANDLER, TABLES, PAGE = 0x8000_0000, 0x8000_1000, 0x8001_0000, 0x8002_0000
MSTATUS, MEDELEG, MIDELEG, MIE, MTVEC, MEPC, MCAUSE, MTVAL = 0x300, 0x302, 0x303, 0x304, 0x305, 0x341, 0x342, 0x343
STVEC, SEPC, SCAUSE, STVAL, SATP, MIP, PMPCFG0, PMPADDR0 = 0x105, 0x141, 0x142, 0x143, 0x180, 0x344, 0x3A0, 0x3B0
U, S, M = 0, 1, 3
V, R, W, X, USER, A, D = 1, 2, 4, 8, 16, 64, 128
SUM, MXR, MPRV, TVM, TW, TSR = 1 << 18, 1 << 19, 1 << 17, 1 << 20, 1 << 21, 1 << 22


@pytest.fixture
def machine() -> Iterator[Machine]:
    with Machine(ram=1 << 20) as m:
        m.set_csr(MTVEC, HANDLER)
        m.set_csr(PMPADDR0, 2**54 - 1)
        m.set_csr(PMPCFG0, 0x1F)
        poke(m, HANDLER, assemble(jal(0, 0)))
        yield m


def poke(machine: Machine, address: int, data: bytes) -> None:
    at = address - BASE
    machine.memory[at : at + len(data)] = np.frombuffer(data, np.uint8)
    machine.memory_changed()


def run(machine: Machine, *words: int, privilege: int = M, at: int = BASE, steps: int = 1) -> None:
    if words:
        poke(machine, at, assemble(*words))
    machine.set_pc(at)
    machine.set_privilege(privilege)
    machine.run(steps)


def trap(machine: Machine) -> tuple[int, int, int]:
    assert machine.privilege() == M
    return machine.csr(MCAUSE), machine.csr(MTVAL), machine.csr(MEPC)


def map_page(machine: Machine, virtual: int, physical: int, flags: int) -> None:
    """Maps one 4 KiB page through three tables, and turns Sv39 on."""
    tables = [TABLES, TABLES + 0x1000, TABLES + 0x2000]
    for level, table in enumerate(tables):
        index = virtual >> (30 - 9 * level) & 511
        entry = (tables[level + 1] >> 12 << 10 | V) if level < 2 else (physical >> 12 << 10 | flags)
        poke(machine, table + 8 * index, struct.pack("<Q", entry))
    machine.set_csr(SATP, 8 << 60 | TABLES >> 12)


def leaf(machine: Machine, virtual: int) -> int:
    at = TABLES + 0x2000 + 8 * (virtual >> 12 & 511) - BASE
    return int(machine.memory[at : at + 8].view(np.uint64)[0])


@pytest.mark.parametrize(
    ("word", "privilege", "cause", "value"),
    [
        (0, M, 2, 0),
        (0xFFFFFFFF, M, 2, 0xFFFFFFFF),
        (EBREAK, M, 3, BASE),
        (ECALL, M, 11, 0),
        (ECALL, S, 9, 0),
        (ECALL, U, 8, 0),
        (MRET, S, 2, MRET),
        (SRET, U, 2, SRET),
        (WFI, U, 2, WFI),
        (SFENCE_VMA, U, 2, SFENCE_VMA),
        (csrrs(1, MSTATUS, 0), S, 2, csrrs(1, MSTATUS, 0)),
        (csrrw(0, 0xF11, 0), M, 2, csrrw(0, 0xF11, 0)),
        (csrrs(1, 0xC00, 0), U, 2, csrrs(1, 0xC00, 0)),
        (load(LW, 1, 0, 0), M, 5, 0),
        (s_type(SW, 0, 0, 16), M, 7, 16),
        (jalr(0, 0, 64), M, 1, 64),
    ],
)
def test_each_cause(machine: Machine, word: int, privilege: int, cause: int, value: int) -> None:
    run(machine, word, privilege=privilege, steps=3)
    pc = 64 if cause == 1 else BASE
    assert trap(machine) == (cause, value, pc)


@pytest.mark.parametrize(("funct5", "cause"), [(2, 4), (0, 6)])
def test_misaligned_atomics_trap(machine: Machine, funct5: int, cause: int) -> None:
    machine.registers()[5] = PAGE + 2
    run(machine, atomic(funct5, 4, 1, 5, 0), steps=2)
    assert trap(machine)[:2] == (cause, PAGE + 2)


def test_misaligned_accesses_work_also_across_pages(machine: Machine) -> None:
    machine.registers()[5:7] = [PAGE + 4093, 0x1122334455667788]
    run(machine, s_type(SD, 5, 6, 0), load(LD, 7, 5, 0), steps=2)
    assert int(machine.registers()[7]) == 0x1122334455667788


def test_delegated_exceptions_go_to_the_supervisor(machine: Machine) -> None:
    machine.set_csr(MEDELEG, 1 << 8)
    machine.set_csr(STVEC, HANDLER)
    run(machine, ECALL, privilege=U, steps=1)
    assert (machine.privilege(), machine.csr(SCAUSE), machine.csr(SEPC)) == (S, 8, BASE)
    run(machine, ECALL, privilege=M, steps=1)
    assert trap(machine)[0] == 11


@pytest.mark.parametrize(
    ("flags", "privilege", "status", "word", "cause"),
    [
        (0, S, 0, load(LD, 1, 5), 13),
        (V | R | A, S, 0, load(LD, 1, 5), None),
        (V | R | A, S, 0, s_type(SD, 5, 6, 0), 15),
        (V | W | A | D, S, 0, load(LD, 1, 5), 13),
        (V | R | W | USER, S, 0, load(LD, 1, 5), 13),
        (V | R | W | USER, S, SUM, load(LD, 1, 5), None),
        (V | R | W, U, 0, load(LD, 1, 5), 13),
        (V | X, S, 0, load(LD, 1, 5), 13),
        (V | X, S, MXR, load(LD, 1, 5), None),
        (V | R | W, S, 0, s_type(SD, 5, 6, 0), None),
        (V | R | 1 << 60, S, 0, load(LD, 1, 5), 13),
    ],
)
def test_sv39_permissions(
    machine: Machine, flags: int, privilege: int, status: int, word: int, cause: int | None
) -> None:
    """The access runs in M-mode with MPRV, so that the code needs no mapping."""
    virtual = 0x4000_2000
    map_page(machine, virtual, PAGE, flags)
    machine.registers()[5] = virtual
    machine.set_csr(MSTATUS, MPRV | status | privilege << 11)
    run(machine, word, jal(0, 0), steps=2)
    assert (trap(machine)[:2] == (cause, virtual)) if cause else machine.csr(MCAUSE) == 0


@pytest.mark.parametrize(("flags", "cause"), [(V | R, 12), (V | X | USER, 12), (V | X, None)])
def test_sv39_fetches(machine: Machine, flags: int, cause: int | None) -> None:
    virtual = 0x4000_2000
    map_page(machine, virtual, PAGE, flags)
    poke(machine, PAGE, assemble(addi(1, 0, 7), ECALL))
    run(machine, privilege=S, at=virtual, steps=3)
    assert trap(machine)[0] == (cause or 9)


def test_accessed_and_dirty_bits_are_set_by_the_walk(machine: Machine) -> None:
    virtual = 0x4000_2000
    map_page(machine, virtual, PAGE, V | R | W)
    machine.registers()[5] = virtual
    machine.set_csr(MSTATUS, MPRV | S << 11)
    run(machine, load(LD, 1, 5))
    assert leaf(machine, virtual) & (A | D) == A
    run(machine, s_type(SD, 5, 0, 0))
    assert leaf(machine, virtual) & (A | D) == A | D


def test_an_address_that_is_not_sign_extended_faults(machine: Machine) -> None:
    map_page(machine, 0x4000_2000, PAGE, V | R | W)
    machine.registers()[5] = 1 << 40
    machine.set_csr(MSTATUS, MPRV | S << 11)
    run(machine, load(LD, 1, 5), steps=2)
    assert trap(machine)[:2] == (13, 1 << 40)


@pytest.mark.parametrize(("status", "word"), [(TVM, SFENCE_VMA), (TVM, csrrs(1, SATP, 0)), (TW, WFI), (TSR, SRET)])
def test_machine_mode_may_take_supervisor_instructions_away(machine: Machine, status: int, word: int) -> None:
    machine.set_csr(MSTATUS, status)
    run(machine, word, privilege=S, steps=2)
    assert trap(machine)[:2] == (2, word)


@pytest.mark.parametrize(
    ("number", "written", "kept"),
    [
        (MTVEC, 0x8000_0003, 0x8000_0001),
        (MEPC, 0x8000_0003, 0x8000_0002),
        (MEDELEG, 2**64 - 1, 0xB3FF),
        (MIDELEG, 2**64 - 1, 0x222),
        (MIE, 2**64 - 1, 0xAAA),
        (SATP, 9 << 60, 0),
        (0x301, 0, 2 << 62 | 0x141105),
        (0x306, 2**64 - 1, 7),
        (PMPADDR0, 2**64 - 1, 2**54 - 1),
    ],
)
def test_fields_keep_only_legal_values(machine: Machine, number: int, written: int, kept: int) -> None:
    machine.set_csr(number, written)
    assert machine.csr(number) == kept


def test_mpp_never_holds_the_reserved_privilege(machine: Machine) -> None:
    machine.set_csr(MSTATUS, 1 << 11)
    machine.set_csr(MSTATUS, 2 << 11)
    assert machine.csr(MSTATUS) >> 11 & 3 == 1


def test_pmp_denies_supervisors_and_locked_entries_deny_all(machine: Machine) -> None:
    machine.registers()[5] = PAGE
    machine.set_csr(PMPADDR0 + 1, 2**54 - 1)
    machine.set_csr(PMPADDR0, PAGE >> 2 | 0x1FF)
    machine.set_csr(PMPCFG0, 0x1F << 8 | 0x18)
    run(machine, load(LD, 1, 5), privilege=S, steps=2)
    assert trap(machine)[:2] == (5, PAGE)
    machine.set_csr(MCAUSE, 0)
    run(machine, load(LD, 1, 5), privilege=M)
    assert machine.csr(MCAUSE) == 0
    machine.set_csr(PMPCFG0, 0x1F << 8 | 0x98)
    run(machine, load(LD, 1, 5), privilege=M, steps=2)
    assert trap(machine)[:2] == (5, PAGE)


def test_vectored_interrupt_and_wfi(machine: Machine) -> None:
    machine.set_csr(MTVEC, HANDLER | 1)
    machine.set_csr(MIE, 1 << 1)
    machine.set_csr(MSTATUS, 1 << 3)
    poke(machine, HANDLER + 4, assemble(jal(0, 0)))
    run(machine, WFI, jal(0, 0), steps=100)
    assert machine.pc() == BASE + 4
    assert machine.run(100) == Stop.IDLE
    machine.set_csr(MIP, 1 << 1)
    machine.run(1)
    assert (machine.csr(MCAUSE), machine.pc()) == (1 << 63 | 1, HANDLER + 4)


def test_the_timer_fires_at_the_same_instruction_however_the_run_is_cut(machine: Machine) -> None:
    def run_in(step: int) -> tuple[int, int]:
        with Machine(ram=1 << 20, ticks_divisor=10) as m:
            poke(m, BASE, assemble(csrrw(0, MIE, 7), s_type(SD, 5, 6, 0), csrrw(0, MSTATUS, 8)))
            poke(m, BASE + 12, assemble(addi(1, 1, 1), jal(0, -4)))
            m.set_csr(MTVEC, HANDLER)
            poke(m, HANDLER, assemble(jal(0, 0)))
            m.registers()[5:9] = [0x0200_4000, 50, 1 << 7, 8]
            for _ in range(0, 2000, step):
                m.run(step)
            return int(m.registers()[1]), m.csr(MEPC)

    assert run_in(2000) == run_in(1) == run_in(125)
    assert run_in(1)[0] > 200


def test_a_guest_that_only_traps_is_stopped(machine: Machine) -> None:
    machine.set_csr(MTVEC, 0)
    run(machine, 0, steps=0)
    assert machine.run(1000) == Stop.STUCK


def test_minstret_counts_exactly(machine: Machine) -> None:
    run(machine, csrrs(1, 0xB02, 0), addi(0, 0, 0), csrrs(2, 0xB02, 0), csrrw(0, 0xB02, 3), csrrs(4, 0xB02, 0), steps=5)
    registers = machine.registers()
    assert (int(registers[2] - registers[1]), int(registers[4])) == (2, 0)


def test_sbi_prints_and_shuts_down() -> None:
    with Machine(ram=1 << 20) as m:
        poke(m, BASE, assemble(addi(10, 0, 72), addi(17, 0, 1), ECALL, addi(17, 0, 8), ECALL))
        m.reset(BASE, Mode.SUPERVISOR)
        assert m.run(100) == Stop.EXIT
        assert (m.console_output(), m.exit_code, m.instret) == (b"H", 0, 5)


def test_code_written_over_is_seen_after_fence_i(machine: Machine) -> None:
    machine.registers()[5:7] = [BASE + 16, addi(1, 0, 2)]
    program = (s_type(SW, 5, 6, 0), 0x100F, addi(0, 0, 0), addi(0, 0, 0), addi(1, 0, 1))
    run(machine, *program, at=BASE, steps=5)
    assert int(machine.registers()[1]) == 2
    machine.registers()[6] = addi(1, 0, 3)
    run(machine, at=BASE, steps=5)
    assert int(machine.registers()[1]) == 3
