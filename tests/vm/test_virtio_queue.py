"""The transport and its split queues: negotiation, indirect chains, interrupts, and drivers that break the rules."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.vm import Machine
from kernels.vm.devices import attach_block, attach_display, attach_net
from tests.vm.virtio_driver import (
    BASE,
    BUFFERS,
    CONFIG,
    DRIVER_OK,
    EVENT_IDX,
    FEATURES_OK,
    INDIRECT,
    INDIRECT_DESC,
    INTERRUPT,
    INTERRUPT_ACK,
    NEEDS_RESET,
    NEXT,
    NOTIFY,
    QUEUE_READY,
    QUEUE_SELECT,
    QUEUE_SIZE,
    QUEUE_SIZE_MAX,
    STATUS,
    TABLES,
    VERSION_1,
    WRITE,
    Driver,
    descriptor,
    peek,
    poke,
)

RAM = 1 << 20
END = BASE + RAM
CONTENT = bytes(range(256)) * 64
READ_SECTOR_0 = bytes(16)
DATA = BUFFERS + 0x1000
STATUS_BYTE = BUFFERS + 0x2000


@pytest.fixture
def machine() -> Iterator[Machine]:
    with Machine(ram=RAM) as m:
        attach_block(m, CONTENT)
        yield m


def read_request(driver: Driver) -> list[tuple[int, int, bool]]:
    poke(driver.machine, BUFFERS, READ_SECTOR_0)
    poke(driver.machine, STATUS_BYTE, b"\xee")
    return [(BUFFERS, 16, False), (DATA, 512, True), (STATUS_BYTE, 1, True)]


def submit(driver: Driver, head: int = 0) -> None:
    driver.queues[0].offer(head)
    driver.write(NOTIFY, 0)


def done(driver: Driver) -> bool:
    return driver.queues[0].take() is not None and peek(driver.machine, DATA, 512) == CONTENT[:512]


def test_version_1_is_required(machine: Machine) -> None:
    driver = Driver(machine)
    assert not driver.negotiate(0) & FEATURES_OK
    assert not driver.negotiate(VERSION_1 | 1 << 63) & FEATURES_OK
    assert driver.negotiate(VERSION_1) & FEATURES_OK
    driver.write(STATUS, 0)
    driver.write(STATUS, 3 | DRIVER_OK)
    assert driver.read(STATUS) == 3


def test_windows_beyond_the_queues_are_empty(machine: Machine) -> None:
    driver = Driver(machine)
    assert driver.read(QUEUE_SIZE_MAX) == 256
    driver.write(QUEUE_SELECT, 1)
    assert driver.read(QUEUE_SIZE_MAX) == 0
    driver.write(QUEUE_READY, 1)
    assert driver.read(QUEUE_READY) == 0
    assert driver.read(0xB0) == 0xFFFF_FFFF
    assert driver.read(CONFIG + 0xE00) == 0


def test_nothing_happens_before_the_driver_is_ready(machine: Machine) -> None:
    driver = Driver(machine)
    driver.negotiate()
    driver.queues = [driver.add_queue(0)]
    driver.queues[0].write_chain(read_request(driver))
    submit(driver)
    assert driver.queues[0].take() is None
    driver.write(STATUS, driver.read(STATUS) | DRIVER_OK)
    driver.write(NOTIFY, 0)
    assert done(driver)


def test_rings_go_round(machine: Machine) -> None:
    driver = Driver(machine)
    driver.start(1)
    for i in range(5 * QUEUE_SIZE):
        driver.queues[0].write_chain(read_request(driver), i % 8)
        submit(driver, i % 8)
        assert done(driver)


@pytest.mark.parametrize("count", [3, 256])
def test_indirect_chain(machine: Machine, count: int) -> None:
    driver = Driver(machine)
    driver.start(1, VERSION_1 | INDIRECT_DESC)
    poke(machine, BUFFERS, READ_SECTOR_0)
    table = descriptor(BUFFERS, 16, NEXT, 1)
    for i in range(1, count - 2):
        table += descriptor(DATA + i - 1, 1, NEXT | WRITE, i + 1)
    at = max(0, count - 3)
    table += descriptor(DATA + at, 512 - at, NEXT | WRITE, count - 1) + descriptor(STATUS_BYTE, 1, WRITE)
    poke(machine, TABLES, table)
    poke(machine, driver.queues[0].desc, descriptor(TABLES, len(table), INDIRECT))
    submit(driver)
    assert done(driver)


def test_flag_and_event_index_hold_back_interrupts(machine: Machine) -> None:
    driver = Driver(machine)
    driver.start(1)
    queue = driver.queues[0]
    queue.write_chain(read_request(driver))
    poke(machine, queue.avail, struct.pack("<H", 1))
    submit(driver)
    assert done(driver)
    assert driver.read(INTERRUPT) == 0
    driver.start(1, VERSION_1 | EVENT_IDX)
    queue = driver.queues[0]
    queue.write_chain(read_request(driver))
    poke(machine, queue.avail + 4 + QUEUE_SIZE * 2, struct.pack("<H", 1))
    interrupts = []
    for _ in range(3):
        submit(driver)
        interrupts.append(driver.read(INTERRUPT))
        driver.write(INTERRUPT_ACK, 1)
    assert interrupts == [0, 1, 0]
    assert struct.unpack("<H", peek(machine, queue.used + 4 + QUEUE_SIZE * 8, 2)) == (3,)


Parts = list[bytes]
BROKEN: dict[str, tuple[int, Parts]] = {
    "loop": (0, [descriptor(BUFFERS, 16, NEXT, 0)]),
    "longer loop": (0, [descriptor(BUFFERS, 16, NEXT, 1), descriptor(BUFFERS, 16, NEXT, 0)]),
    "next outside": (0, [descriptor(BUFFERS, 16, NEXT, QUEUE_SIZE)]),
    "head outside": (QUEUE_SIZE, [descriptor(BUFFERS, 16)]),
    "below RAM": (0, [descriptor(BASE - 1, 16)]),
    "past RAM": (0, [descriptor(END - 15, 16)]),
    "address overflows": (0, [descriptor(2**64 - 8, 16)]),
    "length overflows": (0, [descriptor(BUFFERS, 2**32 - 1)]),
    "readable after writable": (0, [descriptor(BUFFERS, 16, NEXT | WRITE, 1), descriptor(BUFFERS, 16)]),
    "indirect and next": (0, [descriptor(TABLES, 16, INDIRECT | NEXT, 1), descriptor(BUFFERS, 16)]),
    "indirect of odd size": (0, [descriptor(TABLES, 17, INDIRECT)]),
    "indirect of no size": (0, [descriptor(TABLES, 0, INDIRECT)]),
    "indirect past RAM": (0, [descriptor(END - 16, 32, INDIRECT)]),
    "indirect misaligned": (0, [descriptor(TABLES + 4, 16, INDIRECT)]),
    "indirect in indirect": (0, [descriptor(TABLES, 32, INDIRECT)]),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_chains_ask_for_a_reset(machine: Machine, name: str) -> None:
    head, parts = BROKEN[name]
    driver = Driver(machine)
    driver.start(1, VERSION_1 | INDIRECT_DESC)
    poke(machine, driver.queues[0].desc, b"".join(parts))
    poke(machine, TABLES, descriptor(TABLES, 16, INDIRECT))
    submit(driver, head)
    assert driver.read(STATUS) & NEEDS_RESET
    assert driver.read(INTERRUPT) == 2
    assert driver.queues[0].take() is None
    driver.start(1)
    driver.queues[0].write_chain(read_request(driver))
    submit(driver)
    assert done(driver)


def test_index_that_jumps_asks_for_a_reset(machine: Machine) -> None:
    driver = Driver(machine)
    driver.start(1)
    driver.queues[0].sent = QUEUE_SIZE
    submit(driver)
    assert driver.read(STATUS) & NEEDS_RESET


RING = BASE + 0x1000


@pytest.mark.parametrize(
    ("size", "desc", "avail", "used"),
    [
        (0, RING, RING + 0x1000, RING + 0x1800),
        (3, RING, RING + 0x1000, RING + 0x1800),
        (512, RING, RING + 0x4000, RING + 0x5000),
        (0x10010, RING, RING + 0x1000, RING + 0x1800),
        (16, RING + 8, RING + 0x1000, RING + 0x1800),
        (16, RING, RING + 0x1001, RING + 0x1800),
        (16, RING, RING + 0x1000, RING + 0x1802),
        (16, END - 240, RING, RING + 0x1000),
        (16, RING, END - 4, RING + 0x1000),
        (16, RING, RING + 0x1000, END - 132),
        (16, RING, RING + 0x1000, 0x1000_1000),
        (16, 2**64 - 16, RING + 0x1000, RING + 0x1800),
    ],
)
def test_unsound_rings_ask_for_a_reset(machine: Machine, size: int, desc: int, avail: int, used: int) -> None:
    driver = Driver(machine)
    driver.negotiate()
    driver.place(0, size, desc, avail, used)
    assert driver.read(QUEUE_READY) == 0
    assert driver.read(STATUS) & NEEDS_RESET


addresses = st.one_of(
    st.integers(BASE, END), st.sampled_from([BASE - 1, END - 1, END, 0, 2**64 - 1, 0x1000_1000]), st.just(BUFFERS)
)
descriptors = st.builds(
    descriptor,
    addresses,
    st.one_of(st.integers(0, 4096), st.integers(0, 2**32 - 1)),
    st.sampled_from([0, 1, 2, 3, 3, 3, 4, 5, 7]),
    st.integers(0, QUEUE_SIZE + 1),
)


@given(
    st.lists(descriptors, min_size=1, max_size=QUEUE_SIZE),
    st.lists(st.integers(0, QUEUE_SIZE), min_size=1, max_size=QUEUE_SIZE),
    st.binary(max_size=64),
    st.integers(0, 2),
)
def test_random_rings_leave_a_device_that_can_be_reset(
    table: list[bytes], heads: list[int], content: bytes, slot: int
) -> None:
    with Machine(ram=RAM) as machine:
        attach_block(machine, CONTENT)
        card = attach_net(machine)
        attach_display(machine, 32, 32)
        driver = Driver(machine, slot)
        driver.start([1, 2, 2][slot], VERSION_1 | INDIRECT_DESC)
        poke(machine, BUFFERS, content)
        for queue in reversed(driver.queues):
            poke(machine, queue.desc, b"".join(table))
            for head in heads:
                queue.offer(head)
            driver.write(NOTIFY, queue.number)
            card.receive(content)
        driver = Driver(machine, 0)
        driver.start(1)
        driver.queues[0].write_chain(read_request(driver))
        submit(driver)
        assert driver.queues[0].take() is not None
