"""Live migration: the receiver goes on where the sender stopped, though the guest ran meanwhile."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.vm.machine import Machine, MachineError
from kernels.vm.snapshot import migrate, receive, state_hash
from tests.vm.test_snapshot import goes_on_like


def test_a_running_guest_moves(sorting: Machine) -> None:
    with sorting.alike() as other:
        pieces = 0
        for piece in migrate(sorting, lambda machine: machine.run(200_000), batch=64):
            ready = receive(other, piece)
            pieces += 1
        assert ready
        assert pieces > 64
        goes_on_like(sorting, other)
        assert sorting.paths()["migrate_send"].calls == other.paths()["migrate_receive"].calls > 0


def test_pages_of_zeros_are_not_sent() -> None:
    with Machine(ram=8 << 20) as machine:
        assert sum(len(piece) for piece in migrate(machine, lambda _: None)) < 200_000
        assert machine.paths()["migrate_send"].bytes < 64 << 10


def test_zeros_overwrite_what_the_receiver_had() -> None:
    with Machine(ram=1 << 20) as sender, Machine(ram=1 << 20) as receiver:
        receiver.memory[:] = 9
        for piece in migrate(sender, lambda _: None):
            receive(receiver, piece)
        assert state_hash(receiver) == state_hash(sender)


@settings(max_examples=60)
@given(data=st.data())
def test_damaged_pieces_are_refused(data: st.DataObject) -> None:
    with Machine(ram=1 << 20) as sender, Machine(ram=1 << 20) as receiver:
        sender.memory[10_000:20_000] = 3
        pieces = list(migrate(sender, lambda _: None, batch=100))
        piece = bytearray(data.draw(st.sampled_from(pieces)))
        if data.draw(st.booleans()):
            piece[data.draw(st.integers(0, len(piece) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        else:
            del piece[data.draw(st.integers(0, len(piece) - 1)) :]
        before = state_hash(receiver)
        with pytest.raises(MachineError, match="a piece of the migration is refused"):
            receive(receiver, bytes(piece))
        assert state_hash(receiver) == before


def test_pages_outside_ram_are_refused(sorting: Machine) -> None:
    pieces = list(migrate(sorting, lambda _: None, batch=512))
    with Machine(ram=1 << 20) as smaller, pytest.raises(MachineError, match="not of this machine"):
        receive(smaller, pieces[1])
