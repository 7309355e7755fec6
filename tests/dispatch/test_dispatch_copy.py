"""That the bytes arrive, whatever policy is in force."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st
from policies import tables

from kernels import dispatch
from kernels._native import ffi, lib
from kernels.dispatch import Table

LENGTH = 9000
SOURCE = random.Random(1).randbytes(LENGTH)

lengths = st.one_of(st.integers(0, 130), st.integers(0, 6100))
offsets = st.one_of(st.integers(0, 70), st.integers(0, 2800))


@given(tables, st.lists(st.tuples(lengths, offsets, offsets), min_size=1))
def test_copy_writes_the_range_and_nothing_else(table: Table, copies: list[tuple[int, int, int]]) -> None:
    dispatch.install(table)
    src = ffi.from_buffer(SOURCE)
    for size, to, start in copies:
        target = bytearray(LENGTH)
        dst = ffi.from_buffer(target)
        assert lib.xo_copy(dst + to, src + start, size) == dst + to
        assert target == bytes(to) + SOURCE[start : start + size] + bytes(LENGTH - to - size)


@given(tables, st.lists(st.tuples(lengths, offsets, offsets), min_size=1))
def test_move_is_right_for_ranges_that_overlap(table: Table, moves: list[tuple[int, int, int]]) -> None:
    dispatch.install(table)
    for size, to, start in moves:
        buffer = bytearray(SOURCE)
        base = ffi.from_buffer(buffer)
        assert lib.xo_move(base + to, base + start, size) == base + to
        assert buffer == SOURCE[:to] + SOURCE[start : start + size] + SOURCE[to + size :]


def test_scalar_sizes_overlap_as_well() -> None:
    for size in range(9):
        for to in range(12):
            buffer = bytearray(SOURCE[:24])
            base = ffi.from_buffer(buffer)
            lib.xo_move(base + to, base + 6, size)
            assert buffer == SOURCE[:to] + SOURCE[6 : 6 + size] + SOURCE[to + size : 24]
