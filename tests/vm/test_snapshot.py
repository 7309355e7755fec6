"""Snapshots: the machine goes on as if nothing had happened, and what is damaged is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.vm.devices import attach_display, attach_net
from kernels.vm.machine import Machine, MachineError
from kernels.vm.snapshot import dirty_pages, restore, save, state_hash

MILLION = 1_000_000


def goes_on_like(first: Machine, second: Machine) -> None:
    """Both stand at one state, and a further million instructions keep them together."""
    assert state_hash(first) == state_hash(second)
    first.run(MILLION)
    second.run(MILLION)
    assert state_hash(first) == state_hash(second)
    assert first.instret == second.instret


def test_a_restored_machine_goes_on_identically(sorting: Machine) -> None:
    snapshot = save(sorting)
    with sorting.alike() as other:
        restore(other, [snapshot])
        goes_on_like(sorting, other)


def test_a_machine_can_be_set_back(sorting: Machine) -> None:
    snapshot, then = save(sorting), state_hash(sorting)
    sorting.run(MILLION)
    later = state_hash(sorting)
    restore(sorting, [snapshot])
    assert state_hash(sorting) == then != later
    sorting.run(MILLION)
    assert state_hash(sorting) == later


def test_incremental_snapshots_hold_what_changed(sorting: Machine) -> None:
    full = save(sorting)
    sorting.run(MILLION)
    changed = dirty_pages(sorting)
    first = save(sorting, incremental=True)
    assert len(dirty_pages(sorting)) == 0
    sorting.run(MILLION)
    second = save(sorting, incremental=True)
    assert 0 < len(changed) < 100
    assert len(first) < len(full)
    with sorting.alike() as other:
        restore(other, [full, first, second])
        goes_on_like(sorting, other)


def test_the_devices_state_is_in_it(sorting: Machine) -> None:
    with Machine(ram=1 << 20) as first, Machine(ram=1 << 20) as second:
        for machine in (first, second):
            attach_net(machine)
            attach_display(machine, 64, 48)
        first.console_input(b"typed")
        restore(second, [save(first)])
        assert state_hash(first) == state_hash(second)


def test_a_snapshot_fits_only_a_machine_like_it(sorting: Machine) -> None:
    snapshot = save(sorting)
    with Machine(ram=8 << 20) as smaller, pytest.raises(MachineError, match="another amount of RAM"):
        restore(smaller, [snapshot])
    with Machine(ram=16 << 20, harts=2) as wider, pytest.raises(MachineError, match="other RAM, harts or clock"):
        restore(wider, [snapshot])
    with sorting.alike() as other:
        attach_net(other)
        before = state_hash(other)
        with pytest.raises(MachineError, match="other devices"):
            restore(other, [snapshot])
        assert state_hash(other) == before


def test_incremental_snapshots_need_their_base(sorting: Machine) -> None:
    with sorting.alike() as fresh, pytest.raises(MachineError, match="take a full one first"):
        save(fresh, incremental=True)
    full = save(sorting)
    sorting.run(MILLION)
    first = save(sorting, incremental=True)
    sorting.run(MILLION)
    second = save(sorting, incremental=True)
    with sorting.alike() as other:
        for wrong in ([first], [full, second], [full, first, first], []):
            with pytest.raises(MachineError, match=r"refused|no snapshot"):
                restore(other, wrong)
        restore(other, [full, first, second])


@pytest.fixture(scope="module")
def small() -> bytes:
    with Machine(ram=1 << 20) as machine:
        machine.memory[5000:5100] = 7
        machine.memory_changed()
        return save(machine)


@settings(max_examples=200)
@given(data=st.data())
def test_what_was_altered_is_refused_and_nothing_changes(data: st.DataObject, small: bytes) -> None:
    place = data.draw(st.integers(0, len(small) - 1))
    bit = data.draw(st.integers(0, 7))
    altered = bytearray(small)
    altered[place] ^= 1 << bit
    with Machine(ram=1 << 20) as machine:
        before = state_hash(machine)
        with pytest.raises(MachineError, match="the snapshot is refused"):
            restore(machine, [bytes(altered)])
        assert state_hash(machine) == before


@settings(max_examples=50)
@given(data=st.data())
def test_what_was_cut_off_is_refused(data: st.DataObject, small: bytes) -> None:
    length = data.draw(st.integers(0, len(small) - 1))
    with Machine(ram=1 << 20) as machine, pytest.raises(MachineError, match="the snapshot is refused"):
        restore(machine, [small[:length]])


def test_a_snapshot_of_format_version_1_is_restored() -> None:
    sample = (Path(__file__).parent / "data" / "snapshot-v1.bin").read_bytes()
    with Machine(ram=256 << 10) as machine:
        restore(machine, [sample])
        assert machine.pc() == 0x8000_1000
        assert machine.registers()[5] == 0x1234
        assert machine.csr(0x340) == 77
        assert bytes(machine.memory[0x2000:0x2005]) == b"saved"
        assert machine.console_output() == b"said"


def test_another_version_is_refused(small: bytes) -> None:
    later = bytearray(small)
    later[8] = 2
    with Machine(ram=1 << 20) as machine, pytest.raises(MachineError, match="another version of the format"):
        restore(machine, [bytes(later)])
