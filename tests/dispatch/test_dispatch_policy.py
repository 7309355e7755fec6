"""Which policies are accepted, and that the one in force is obeyed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policies import reference_choice, sizes, tables

from kernels import copy, dispatch
from kernels._native import ffi, lib
from kernels.dispatch import LIBC, AlignmentClass, PolicyError, Rule, Table

ANY = AlignmentClass((Rule(None, "libc"),))
NEAR = AlignmentClass((Rule(None, "portable"),), 4095, 1, 15, 100)

MALFORMED = {
    "no class": Table(()),
    "too many classes": Table((*[NEAR] * dispatch.MAX_CLASSES, ANY)),
    "no rule": Table((AlignmentClass(()),)),
    "too many rules": Table(
        (AlignmentClass((*(Rule(i + 1, "libc") for i in range(dispatch.MAX_RULES)), Rule(None, "libc"))),)
    ),
    "last class conditional": Table((NEAR,)),
    "always too early": Table((ANY, ANY)),
    "mask no power of two less one": Table((AlignmentClass(ANY.rules, 4094, 1, 15), ANY)),
    "low beyond mask": Table((AlignmentClass(ANY.rules, 15, 16, 1), ANY)),
    "empty span": Table((AlignmentClass(ANY.rules, 15, 0, 0), ANY)),
    "span beyond mask": Table((AlignmentClass(ANY.rules, 15, 0, 16), ANY)),
    "descending": Table((AlignmentClass((Rule(9, "libc"), Rule(8, "libc"), Rule(None, "libc"))),)),
    "empty range": Table((AlignmentClass((Rule(9, "libc"), Rule(9, "portable"), Rule(None, "libc"))),)),
    "end of nothing": Table((AlignmentClass((Rule(0, "libc"), Rule(None, "libc"))),)),
    "no last rule": Table((AlignmentClass((Rule(4096, "libc"),)),)),
    "beyond the kernel": Table((AlignmentClass((Rule(10, "small_scalar"), Rule(None, "libc"))),)),
    "kernel with a limit last": Table((AlignmentClass((Rule(None, "small_scalar"),)),)),
    "negative": Table((AlignmentClass((Rule(-1, "libc"), Rule(None, "libc"))),)),
    "beyond size_t": Table((AlignmentClass((Rule(2**64, "libc"), Rule(None, "libc"))),)),
}


def test_libc_serves_at_start() -> None:
    assert dispatch.current() == LIBC
    assert copy.table()[0].name == "libc"
    assert dispatch.choose(4096, 0, 9) == "libc"


def test_addresses_are_the_functions_themselves() -> None:
    call = ffi.cast("xo_copy_fn", dispatch.address())
    target = ffi.new("char[]", 100)
    assert call(target, b"x" * 99, 99) == target
    assert ffi.string(target) == b"x" * 99
    assert dispatch.move_address() != dispatch.address()


@pytest.mark.parametrize("table", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_policies_are_refused_and_the_old_one_stays(table: Table) -> None:
    before = Table((NEAR, ANY))
    dispatch.install(before)
    with pytest.raises(PolicyError):
        dispatch.install(table)
    assert dispatch.current() == before


def test_unknown_and_unrunnable_kernels_are_refused() -> None:
    with pytest.raises(copy.UnknownKernel, match="no_such"):
        dispatch.install(Table((AlignmentClass((Rule(None, "no_such"),)),)))
    missing = [kernel.name for kernel in copy.table() if not kernel.runnable]
    assert missing, "every build lists kernels of other architectures"
    with pytest.raises(PolicyError, match="cannot run"):
        dispatch.install(Table((AlignmentClass((Rule(None, missing[0]),)),)))


def test_missing_pointers_and_foreign_indices_are_refused() -> None:
    rules = ffi.new("struct xo_rule[]", [{"end": dispatch.SIZE_MAX, "kernel": 10_000}])
    classes = ffi.new("struct xo_class[]", [{"span": 1, "rule_count": 1}])
    policy = ffi.new("struct xo_policy *", {"class_count": 1})
    assert lib.xo_policy_install(ffi.NULL) == lib.XO_NO_POLICY
    assert lib.xo_policy_install(policy) == lib.XO_NO_POLICY
    policy.classes = classes
    assert lib.xo_policy_install(policy) == lib.XO_NO_POLICY
    classes[0].rules = rules
    assert lib.xo_policy_install(policy) == lib.XO_KERNEL_UNKNOWN
    assert dispatch.current() == LIBC


def test_every_status_has_a_text() -> None:
    texts = {ffi.string(lib.xo_status_text(status)) for status in range(lib.XO_NO_MEMORY + 1)}
    assert len(texts) == lib.XO_NO_MEMORY + 1
    assert ffi.string(lib.xo_status_text(lib.XO_NO_MEMORY + 1)) == b"unknown status"


def test_reset_brings_libc_back() -> None:
    dispatch.install(Table((NEAR, ANY)))
    dispatch.reset()
    assert dispatch.current() == LIBC


@given(tables)
def test_current_is_what_was_installed(table: Table) -> None:
    dispatch.install(table)
    assert dispatch.current() == table


@given(tables, st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 2**20), sizes), min_size=1))
def test_the_kernel_is_the_one_the_policy_names(table: Table, copies: list[tuple[int, int, int]]) -> None:
    dispatch.install(table)
    edges = [rule.end or 0 for entry in table.classes for rule in entry.rules]
    edges += [entry.min_size for entry in table.classes]
    near_edges = [(dst, src, max(edge + step, 0)) for dst, src, _ in copies for edge in edges for step in (-1, 0, 1)]
    for dst, src, size in copies + near_edges:
        assert dispatch.choose(dst, src, size) == reference_choice(table, dst, src, size)
