"""The block device: requests, bounds, backends and copies."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kernels._vm import lib
from kernels.vm import Machine
from kernels.vm.devices import Disk, attach_block
from kernels.vm.machine import MachineError
from tests.vm.virtio_driver import CONFIG, DEVICE_ID, INTERRUPT, INTERRUPT_ACK, STATUS, VERSION_1, Driver

IN, OUT, FLUSH, GET_ID = 0, 1, 4, 8
OK, IO_ERROR, UNSUPPORTED = b"\0", b"\1", b"\2"
CONTENT = np.random.default_rng(1).integers(0, 256, 64 * 512, np.uint8).tobytes()


def header(kind: int, sector: int = 0) -> bytes:
    return struct.pack("<IIQ", kind, 0, sector)


@pytest.fixture
def machine() -> Iterator[Machine]:
    with Machine(ram=4 << 20) as m:
        yield m


def started(machine: Machine, disk: Disk) -> Driver:
    driver = Driver(machine, disk.slot)
    driver.start(1)
    return driver


def test_identity_and_capacity(machine: Machine) -> None:
    driver = Driver(machine, attach_block(machine, CONTENT).slot)
    assert (driver.read(0), driver.read(4), driver.read(DEVICE_ID)) == (0x74726976, 2, 2)
    assert driver.features() & VERSION_1
    assert driver.read(CONFIG) == 64


@pytest.mark.parametrize("split", [0, 512, 4096])
def test_reads_and_writes_sectors(machine: Machine, split: int) -> None:
    disk = attach_block(machine, CONTENT)
    disk.split_transfers(split)
    driver = started(machine, disk)
    written, (data, status) = driver.request(0, [header(IN, 3)], [20 * 512, 1])
    assert (written, status, data) == (20 * 512 + 1, OK, CONTENT[3 * 512 : 23 * 512])
    _, (status,) = driver.request(0, [header(OUT, 8), b"a" * 512, b"b" * 1024], [1])
    assert status == OK
    assert disk.content[8 * 512 : 11 * 512].tobytes() == b"a" * 512 + b"b" * 1024
    assert driver.request(0, [header(FLUSH)], [1])[1] == [OK]


def test_status_may_share_the_last_buffer(machine: Machine) -> None:
    driver = started(machine, attach_block(machine, CONTENT))
    _, (data,) = driver.request(0, [header(IN)], [513])
    assert data == CONTENT[:512] + OK


@pytest.mark.parametrize(("kind", "sector", "size"), [(IN, 64, 512), (IN, 63, 1024), (OUT, 64, 512), (IN, 0, 100),
                                                      (IN, 2**64 - 1, 512), (OUT, 2**55, 512)])  # fmt: skip
def test_refuses_sectors_outside(machine: Machine, kind: int, sector: int, size: int) -> None:
    disk = attach_block(machine, CONTENT)
    driver = started(machine, disk)
    out, room = ([header(kind, sector), bytes(size)], [1]) if kind == OUT else ([header(kind, sector)], [size, 1])
    assert driver.request(0, out, room)[1][-1] == IO_ERROR
    assert disk.content.tobytes() == CONTENT


def test_says_its_name_and_knows_what_it_does_not(machine: Machine) -> None:
    driver = started(machine, attach_block(machine, CONTENT))
    assert driver.request(0, [header(GET_ID)], [20, 1])[1] == [b"crossover-disk-0".ljust(20, b"\0"), OK]
    assert driver.request(0, [header(99)], [1])[1] == [UNSUPPORTED]


def test_file_is_shared(machine: Machine, tmp_path: Path) -> None:
    image = tmp_path / "disk"
    image.write_bytes(CONTENT + b"rest")
    driver = started(machine, attach_block(machine, image))
    assert driver.request(0, [header(OUT, 1), b"x" * 512], [1])[1] == [OK]
    assert driver.request(0, [header(FLUSH)], [1])[1] == [OK]
    assert image.read_bytes() == CONTENT[:512] + b"x" * 512 + CONTENT[1024:] + b"rest"


def test_read_only_file_stays(machine: Machine, tmp_path: Path) -> None:
    image = tmp_path / "disk"
    image.write_bytes(CONTENT)
    driver = started(machine, attach_block(machine, image, read_only=True))
    assert driver.features() & 1 << 5
    assert driver.request(0, [header(OUT, 1), b"x" * 512], [1])[1] == [IO_ERROR]
    assert driver.request(0, [header(IN)], [512, 1])[1] == [CONTENT[:512], OK]
    assert image.read_bytes() == CONTENT


def test_copies_are_counted_by_path_and_split_at_pages(machine: Machine) -> None:
    driver = started(machine, attach_block(machine, CONTENT))
    driver.request(0, [header(IN)], [8192, 1])
    driver.request(0, [header(OUT), bytes(8192)], [1])
    for path in (lib.VM_PATH_DMA_WRITE, lib.VM_PATH_DMA_READ):
        assert lib.vm_path_bytes(machine.handle, path) == 8192
        assert lib.vm_path_calls(machine.handle, path) == 3


def test_interrupt_is_raised_until_acknowledged(machine: Machine) -> None:
    driver = started(machine, attach_block(machine, CONTENT))
    driver.request(0, [header(IN)], [512, 1])
    assert driver.read(INTERRUPT) == 1
    driver.write(INTERRUPT_ACK, 1)
    assert driver.read(INTERRUPT) == 0


def test_header_without_room_asks_for_reset(machine: Machine) -> None:
    driver = started(machine, attach_block(machine, CONTENT))
    driver.queues[0].write_chain([(0x8001_0000, 15, False), (0x8001_1000, 1, True)])
    driver.queues[0].offer()
    driver.write(0x50, 0)
    assert driver.read(STATUS) & 64


def test_errors_name_the_cause(machine: Machine, tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="cannot be opened: No such file"):
        attach_block(machine, tmp_path / "none")
    with pytest.raises(MachineError, match="no file of at least one sector"):
        attach_block(machine, tmp_path, read_only=True)
    with pytest.raises(MachineError, match="at least one sector"):
        attach_block(machine, b"short")
    for _ in range(8):
        attach_block(machine, CONTENT)
    with pytest.raises(MachineError, match="all 8 slots"):
        attach_block(machine, CONTENT)
