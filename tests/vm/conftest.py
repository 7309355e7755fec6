"""Guests that tests run: our own programs, compiled once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kernels.vm.guest import build
from kernels.vm.machine import Machine

RAM = 16 << 20


@pytest.fixture(scope="session")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The ELF file of a program under kernels/vm/guests."""
    folder, built = tmp_path_factory.mktemp("guests"), {}

    def elf(name: str) -> Path:
        if name not in built:
            built[name] = build(name, folder)
        return built[name]

    return elf


@pytest.fixture
def sorting(guest: Callable[[str], Path]) -> Iterator[Machine]:
    """A machine in the middle of sorting."""
    with Machine(ram=RAM) as machine:
        machine.load_elf(guest("sort"))
        machine.run(3_000_000)
        yield machine
