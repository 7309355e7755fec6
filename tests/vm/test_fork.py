"""Forks: two machines that go on apart, and share what neither has written."""

from __future__ import annotations

import numpy as np

from kernels.vm.machine import Machine
from kernels.vm.snapshot import fork, shared_pages, state_hash
from tests.vm.test_snapshot import MILLION, goes_on_like


def test_a_fork_goes_on_identically(sorting: Machine) -> None:
    with fork(sorting) as child:
        goes_on_like(sorting, child)


def test_pages_are_copied_when_needed_by_the_path_of_that_name(sorting: Machine) -> None:
    with fork(sorting) as child:
        pages = shared_pages(child)
        assert pages == 16 << 20 >> 12
        child.run(MILLION)
        copied = child.paths()["page_cow"].calls
        assert 0 < copied < 200
        assert pages - 200 < shared_pages(child) < pages


def test_what_the_parent_writes_the_child_does_not_see(sorting: Machine) -> None:
    before = state_hash(sorting)
    with fork(sorting) as child:
        sorting.run(2 * MILLION)
        assert state_hash(sorting) != before
        assert state_hash(child) == before


def test_what_the_child_writes_the_parent_does_not_see(sorting: Machine) -> None:
    before = state_hash(sorting)
    with fork(sorting) as child:
        child.run(2 * MILLION)
        assert state_hash(sorting) == before


def test_children_of_children_and_siblings(sorting: Machine) -> None:
    with fork(sorting) as first, fork(sorting) as second:
        first.run(MILLION)
        with fork(first) as third:
            sorting.run(3 * MILLION)
            first.run(MILLION)
            second.run(2 * MILLION)
            third.run(MILLION)
            assert state_hash(first) == state_hash(second) == state_hash(third)


def test_a_child_outlives_its_parent(guest) -> None:
    parent = Machine(ram=16 << 20)
    parent.load_elf(guest("sort"))
    parent.run(MILLION)
    child = fork(parent)
    expected = state_hash(parent)
    parent.close()
    with child:
        assert state_hash(child) == expected


def test_looking_at_memory_ends_the_sharing(sorting: Machine) -> None:
    with fork(sorting) as child:
        assert np.array_equal(child.memory, sorting.memory)
        assert shared_pages(child) == 0
