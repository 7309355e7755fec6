"""PLIC, UART, device tree and the virtio registers, driven from outside."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.vm.devices import attach_block, attach_display, attach_net
from kernels.vm.machine import Machine, MachineError
from tests.vm.test_sanitizers import elf

PLIC, UART, SLOT0 = 0x0C00_0000, 0x1000_0000, 0x1000_1000
UART_LINE = 10
MIP, MEIP, SEIP = 0x344, 1 << 11, 1 << 9


@pytest.fixture
def machine() -> Iterator[Machine]:
    with Machine(ram=1 << 20, harts=2) as made:
        yield made


def raise_uart(machine: Machine) -> None:
    """The UART's line goes up: it may send, and says so."""
    machine.bus_write(UART + 1, 2, 1)


def enable(machine: Machine, context: int, line: int = UART_LINE, priority: int = 3) -> None:
    machine.bus_write(PLIC + 4 * line, priority)
    machine.bus_write(PLIC + 0x2000 + 0x80 * context, 1 << line)


def claim(machine: Machine, context: int) -> int:
    return machine.bus_read(PLIC + 0x200004 + 0x1000 * context)


def complete(machine: Machine, context: int, line: int) -> None:
    machine.bus_write(PLIC + 0x200004 + 0x1000 * context, line)


@pytest.mark.parametrize(("context", "hart", "bit"), [(0, 0, MEIP), (1, 0, SEIP), (2, 1, MEIP), (3, 1, SEIP)])
def test_a_line_reaches_the_context_that_enables_it(machine: Machine, context: int, hart: int, bit: int) -> None:
    enable(machine, context)
    assert machine.csr(MIP, hart) & bit == 0
    raise_uart(machine)
    assert machine.csr(MIP, hart) & bit
    assert machine.csr(MIP, 1 - hart) & (MEIP | SEIP) == 0
    assert claim(machine, context) == UART_LINE
    assert machine.csr(MIP, hart) & bit == 0
    assert claim(machine, context) == 0


def test_a_line_that_is_still_up_interrupts_again_once_completed(machine: Machine) -> None:
    enable(machine, 0)
    raise_uart(machine)
    assert claim(machine, 0) == UART_LINE
    complete(machine, 0, UART_LINE)
    assert machine.csr(MIP) & MEIP
    assert claim(machine, 0) == UART_LINE
    machine.bus_read(UART + 2, 1)
    complete(machine, 0, UART_LINE)
    assert machine.csr(MIP) & MEIP == 0


def test_the_threshold_masks_and_priority_0_never_interrupts(machine: Machine) -> None:
    enable(machine, 0, priority=3)
    machine.bus_write(PLIC + 0x200000, 3)
    raise_uart(machine)
    assert machine.csr(MIP) & MEIP == 0
    machine.bus_write(PLIC + 0x200000, 2)
    assert machine.csr(MIP) & MEIP
    machine.bus_write(PLIC + 4 * UART_LINE, 0)
    assert machine.csr(MIP) & MEIP == 0


def test_registers_keep_what_they_can_hold(machine: Machine) -> None:
    machine.bus_write(PLIC + 4, 0xFFFFFFFF)
    assert machine.bus_read(PLIC + 4) == 7
    machine.bus_write(PLIC, 5)
    assert machine.bus_read(PLIC) == 0
    machine.bus_write(PLIC + 0x2000, 0xFFFFFFFF)
    assert machine.bus_read(PLIC + 0x2000) == 0xFFFFFFFE
    assert machine.bus_read(PLIC + 0x2000 + 0x80 * 100) == 0


def test_what_is_sent_is_on_the_console(machine: Machine) -> None:
    for byte in b"hello":
        assert machine.bus_read(UART + 5, 1) & 0x60 == 0x60
        machine.bus_write(UART, byte, 1)
    assert machine.console_output() == b"hello"


def test_what_is_typed_is_received(machine: Machine) -> None:
    enable(machine, 0)
    machine.bus_write(UART + 1, 1, 1)
    machine.console_input(b"ok")
    machine.run(1)
    assert machine.csr(MIP) & MEIP
    assert machine.bus_read(UART + 2, 1) & 15 == 4
    assert machine.bus_read(UART + 5, 1) & 1
    assert [machine.bus_read(UART, 1) for _ in range(2)] == list(b"ok")
    assert machine.bus_read(UART + 5, 1) & 1 == 0
    assert machine.bus_read(UART + 2, 1) & 15 == 1


def test_the_uarts_other_registers(machine: Machine) -> None:
    machine.bus_write(UART + 3, 0x83, 1)
    machine.bus_write(UART, 7, 1)
    machine.bus_write(UART + 1, 1, 1)
    assert (machine.bus_read(UART, 1), machine.bus_read(UART + 1, 1)) == (7, 1)
    machine.bus_write(UART + 3, 3, 1)
    machine.bus_write(UART + 7, 0x5A, 1)
    assert machine.bus_read(UART + 7, 1) == 0x5A
    machine.bus_write(UART + 2, 1, 1)
    assert machine.bus_read(UART + 2, 1) & 0xC0 == 0xC0
    machine.bus_write(UART + 4, 0x10, 1)
    machine.bus_write(UART, 0x21, 1)
    assert machine.bus_read(UART, 1) == 0x21
    assert machine.console_output() == b""
    assert machine.bus_read(UART + 6, 1) & 0xB0


def test_a_reset_of_the_machine_resets_its_devices(machine: Machine) -> None:
    attach_net(machine)
    enable(machine, 0)
    raise_uart(machine)
    machine.bus_write(SLOT0 + 0x70, 3)
    assert machine.csr(MIP) & MEIP
    machine.reset(machine.ram_base)
    assert machine.csr(MIP) & MEIP == 0
    assert machine.bus_read(UART + 1, 1) == 0
    assert machine.bus_read(PLIC + 0x2000) == 0
    assert machine.bus_read(SLOT0 + 0x70) == 0


def test_no_device_is_one_sentence(machine: Machine) -> None:
    with pytest.raises(MachineError, match="no device has a register of 4 bytes at 0x90000000"):
        machine.bus_read(0x9000_0000)
    with pytest.raises(MachineError, match="no device"):
        machine.bus_write(UART + 1, 0, 4)


def nodes(blob: bytes) -> dict[str, dict[str, bytes]]:
    """A device tree blob by path, every part of it checked to lie inside."""
    magic, total, structure, strings, reserved, version, last, _, strings_size, size = struct.unpack(">10I", blob[:40])
    assert (magic, version, last) == (0xD00DFEED, 17, 16)
    assert structure + size <= strings
    assert strings + strings_size == total <= len(blob)
    assert blob[reserved : reserved + 16] == bytes(16)
    found: dict[str, dict[str, bytes]] = {}
    path: list[str] = []
    at = structure
    while True:
        (token,) = struct.unpack_from(">I", blob, at)
        at += 4
        if token == 1:
            end = blob.index(b"\0", at)
            path.append(blob[at:end].decode())
            found["/".join(path) or "/"] = {}
            at = (end + 4) & ~3
        elif token == 2:
            path.pop()
        elif token == 3:
            length, name = struct.unpack_from(">2I", blob, at)
            assert name < strings_size
            text = blob[strings + name : blob.index(b"\0", strings + name)].decode()
            found["/".join(path) or "/"][text] = blob[at + 8 : at + 8 + length]
            at = (at + 8 + length + 3) & ~3
        else:
            assert token == 9
            assert at == structure + size
            return found


def tree_of(machine: Machine) -> dict[str, dict[str, bytes]]:
    address = int(machine.registers()[11])
    return nodes(bytes(machine.memory[address - machine.ram_base :]))


def test_the_device_tree_says_what_is_there(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "disk").write_bytes(bytes(512))
    attach_block(machine, tmp_path / "disk")
    attach_net(machine)
    machine.load_elf(elf())
    tree = tree_of(machine)
    assert tree["/memory@80000000"]["reg"] == struct.pack(">2Q", machine.ram_base, 1 << 20)
    assert tree["/chosen"]["stdout-path"] == b"/soc/serial@10000000\0"
    assert tree["/cpus"]["timebase-frequency"] == struct.pack(">I", 10_000_000)
    assert tree["/cpus/cpu@1"]["riscv,isa"].startswith(b"rv64imac")
    assert tree["/soc/serial@10000000"]["interrupts"] == struct.pack(">I", UART_LINE)
    assert tree["/soc/virtio-block@10001000"]["compatible"] == b"virtio,mmio\0"
    assert tree["/soc/virtio-net@10002000"]["interrupts"] == struct.pack(">I", 2)
    plic = tree["/soc/plic@c000000"]
    assert struct.unpack(">8I", plic["interrupts-extended"]) == (2, 11, 2, 9, 3, 11, 3, 9)
    handle = struct.unpack(">I", plic["phandle"])[0]
    assert tree["/soc/serial@10000000"]["interrupt-parent"] == struct.pack(">I", handle)


def test_loading_again_finds_the_tree_in_its_place(machine: Machine) -> None:
    machine.load_elf(elf())
    first = int(machine.registers()[11])
    machine.load_elf(elf())
    assert int(machine.registers()[11]) == first


def test_a_machine_too_small_for_a_tree_has_none() -> None:
    with Machine(ram=4096) as tiny:
        tiny.load_elf(elf())
        assert tiny.registers()[11] == 0


def test_slots_are_filled_in_order_and_end(machine: Machine) -> None:
    cards = [attach_net(machine) for _ in range(8)]
    assert [card.slot for card in cards] == list(range(8))
    with pytest.raises(MachineError, match="all 8 slots for virtio devices are taken"):
        attach_net(machine)


def test_a_disk_that_cannot_be_used_is_one_sentence(machine: Machine, tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"none\.img cannot be opened: No such file"):
        attach_block(machine, tmp_path / "none.img")
    (tmp_path / "short.img").write_bytes(bytes(511))
    with pytest.raises(MachineError, match="no file of at least one sector"):
        attach_block(machine, tmp_path / "short.img")


@pytest.mark.parametrize(("width", "height"), [(0, 10), (10, 0), (5000, 10), (10, 5000)])
def test_a_display_has_a_size(machine: Machine, width: int, height: int) -> None:
    with pytest.raises(MachineError, match="1 to 4096 pixels a side"):
        attach_display(machine, width, height)


def test_features_and_status(machine: Machine) -> None:
    attach_net(machine)
    assert machine.bus_read(SLOT0) == 0x74726976
    assert machine.bus_read(SLOT0 + 4) == 2
    machine.bus_write(SLOT0 + 0x14, 1)
    assert machine.bus_read(SLOT0 + 0x10) == 1
    machine.bus_write(SLOT0 + 0x70, 11)
    assert machine.bus_read(SLOT0 + 0x70) == 3
    machine.bus_write(SLOT0 + 0x24, 1)
    machine.bus_write(SLOT0 + 0x20, 1)
    machine.bus_write(SLOT0 + 0x70, 11)
    assert machine.bus_read(SLOT0 + 0x70) == 11
    machine.bus_write(SLOT0 + 0x70, 0)
    assert machine.bus_read(SLOT0 + 0x70) == 0


def start_network(machine: Machine, size: int = 8, descriptors: int = 0x8000_0000) -> None:
    """Sets up the transmit queue, descriptors, available and used ring one after the other."""
    for offset, value in ((0x24, 1), (0x20, 1), (0x70, 11), (0x30, 1), (0x38, size)):
        machine.bus_write(SLOT0 + offset, value)
    for offset, value in ((0x80, descriptors), (0x90, 0x8000_1000), (0xA0, 0x8000_2000), (0x44, 1), (0x70, 15)):
        machine.bus_write(SLOT0 + offset, value)


@pytest.mark.parametrize(
    ("size", "descriptors"), [(0, 0x8000_0000), (7, 0x8000_0000), (512, 0x8000_0000), (8, 0x8000_0001)]
)
def test_a_queue_that_makes_no_sense_needs_a_reset(machine: Machine, size: int, descriptors: int) -> None:
    attach_net(machine)
    start_network(machine, size, descriptors)
    assert machine.bus_read(SLOT0 + 0x70) & 64


@given(
    address=st.sampled_from([0, 0x7FFF_FFFF, 0x800F_FFFF, 0x8010_0000, 2**64 - 1, 2**63]),
    length=st.sampled_from([0, 1, 4096, 2**31, 2**32 - 1]),
    flags=st.integers(0, 7),
    following=st.integers(0, 9),
    head=st.integers(0, 9),
)
def test_hostile_descriptors_stop_the_device_and_nothing_else(
    address: int, length: int, flags: int, following: int, head: int
) -> None:
    with Machine(ram=1 << 20) as machine:
        attach_net(machine)
        start_network(machine)
        ram = machine.memory
        ram[:16] = list(struct.pack("<QIHH", address, length, flags, following))
        ram[16:32] = list(struct.pack("<QIHH", 0x8000_3000, 100, 0, 0))
        ram[0x1000:0x1006] = list(struct.pack("<HHH", 0, 1, head))
        machine.bus_write(SLOT0 + 0x50, 1)
        status = machine.bus_read(SLOT0 + 0x70)
        used = int(ram[0x2002])
        assert status & 64 or used == 1
