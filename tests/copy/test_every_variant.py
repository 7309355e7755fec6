"""Every variant that a CPU here can run: all sizes and offsets, and pages that fault around the buffers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from checking import Checker

from kernels import copy

EVERY_PAIR, SOME_PAIRS, FEW_PAIRS = "1", "29", "509"
"""Strides over the 64 x 64 pairs of offsets: all of them, 142, and 9 for emulated CPUs."""

NAMES = [kernel.name for kernel in copy.runnable()]
STREAMING = [kernel.name for kernel in copy.runnable() if kernel.streaming]
STORING = [kernel.name for kernel in copy.runnable() if not kernel.streaming]


def assert_checked(checker: Checker, stride: str, name: str) -> None:
    result = checker(stride, name)
    assert (result.returncode, result.stdout) == (0, f"{name} ok\n"), result.stdout + result.stderr


@pytest.mark.parametrize("name", NAMES)
def test_copies_exactly(checker: Checker, name: str) -> None:
    """Streaming stores are slow to read back: those kernels meet every pair in the slow test below."""
    assert_checked(checker, SOME_PAIRS if copy.get(name).streaming else EVERY_PAIR, name)


@pytest.mark.sanitizer
@pytest.mark.parametrize("name", STORING)
def test_copies_exactly_under_sanitizers(sanitized_checker: Checker, name: str) -> None:
    assert_checked(sanitized_checker, EVERY_PAIR, name)


@pytest.mark.slow
@pytest.mark.sanitizer
@pytest.mark.parametrize("name", STREAMING)
def test_streams_exactly_under_sanitizers(sanitized_checker: Checker, name: str) -> None:
    assert_checked(sanitized_checker, EVERY_PAIR, name)


def listed(checker: Checker) -> dict[str, tuple[str, bool]]:
    """Instruction set and whether it is runnable, by kernel."""
    rows = (line.split() for line in checker("list").stdout.splitlines())
    return {name: (isa, runnable == "1") for name, isa, runnable in rows}


AARCH64 = [
    pytest.param("neon", "cortex-a72", id="neon"),
    pytest.param("sve", "max,sve128=on,sve256=off,sve512=off", id="sve128"),
    pytest.param("sve", "max,sve-max-vq=16", id="sve2048"),
]


@pytest.mark.aarch64
@pytest.mark.parametrize(("isa", "cpu"), AARCH64)
def test_copies_exactly_on_aarch64(aarch64_checker: Callable[[str], Checker], isa: str, cpu: str) -> None:
    checker = aarch64_checker(cpu)
    kernels = listed(checker)
    names = [name for name, (own, _) in kernels.items() if own == isa]
    assert names
    assert all(kernels[name][1] for name in names)
    result = checker(FEW_PAIRS, *names)
    assert result.stdout.splitlines() == [f"{name} ok" for name in names], result.stderr


@pytest.mark.aarch64
def test_sve_is_not_runnable_without_it(aarch64_checker: Callable[[str], Checker]) -> None:
    kernels = listed(aarch64_checker("cortex-a72"))
    assert {runnable for isa, runnable in kernels.values() if isa == "sve"} == {False}
    assert {runnable for isa, runnable in kernels.values() if isa == "avx2"} == {False}
