"""The table of kernels as Python sees it, and copies through it."""

from __future__ import annotations

import ctypes
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels import copy

KERNEL = st.sampled_from(copy.runnable())


def test_names_are_unique_and_libc_comes_first() -> None:
    names = [kernel.name for kernel in copy.table()]
    assert names[0] == "libc"
    assert len(set(names)) == len(names)


def test_every_isa_is_listed_on_every_machine() -> None:
    isas = {kernel.isa for kernel in copy.table()}
    assert isas == {"any", "x86_64", "sse2", "avx2", "avx512", "neon", "sve"}


def test_runnable_are_those_that_say_so() -> None:
    assert copy.runnable() == tuple(kernel for kernel in copy.table() if kernel.runnable)
    assert {"libc", "portable", "small_scalar"} <= {kernel.name for kernel in copy.runnable()}


def test_the_table_carries_the_parameters() -> None:
    kernel = copy.get("avx512_nt_pf1024")
    assert (kernel.isa, kernel.family, kernel.width, kernel.unroll) == ("avx512", "stream", 64, 4)
    assert (kernel.prefetch, kernel.aligned, kernel.backward, kernel.streaming) == (1024, True, False, True)
    assert copy.get("small_scalar").max_size == 8
    assert copy.get("avx2_nt_pages8").pages == 8


def test_a_kernel_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        copy.get("libc").width = 1  # type: ignore[misc]


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(copy.UnknownKernel, match=r"no kernel 'avx9000'.*libc"):
        copy.address("avx9000")


def test_what_this_cpu_cannot_run_has_no_address() -> None:
    foreign = next(kernel for kernel in copy.table() if not kernel.runnable)
    with pytest.raises(copy.NotRunnable, match=rf"{foreign.name} needs {foreign.isa}.*libc"):
        copy.address(foreign.name)
    with pytest.raises(copy.NotRunnable):
        copy.copy(foreign.name, bytearray(1), b"x")


def test_an_address_can_be_called_by_a_foreign_program() -> None:
    function = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
    destination = ctypes.create_string_buffer(6)
    function(copy.address("portable"))(ctypes.addressof(destination), b"crossover", 5)
    assert destination.raw == b"cross\0"


@pytest.mark.parametrize(("name", "size"), [("libc", 11), ("small_scalar", 9)])
def test_too_long_a_copy_is_refused(name: str, size: int) -> None:
    with pytest.raises(ValueError, match=f"not {size}"):
        copy.copy(name, bytearray(10), bytes(size))


def test_a_destination_that_cannot_be_written_is_refused() -> None:
    with pytest.raises((BufferError, TypeError, ValueError)):
        copy.copy("libc", b"constant", b"x")


@settings(deadline=None)
@given(kernel=KERNEL, data=st.binary(max_size=5000), source=st.integers(0, 130), target=st.integers(0, 130))
def test_copies_and_touches_nothing_else(kernel: copy.Kernel, data: bytes, source: int, target: int) -> None:
    data = data[: kernel.max_size]
    destination = bytearray(b"\xa5" * (target + len(data) + 70))
    padded = bytes(source) + data + bytes(3)
    copy.copy(kernel.name, memoryview(destination)[target:], memoryview(padded)[source : source + len(data)])
    assert destination == b"\xa5" * target + data + b"\xa5" * 70
