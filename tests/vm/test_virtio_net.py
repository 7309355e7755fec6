"""The network device: both queues, loopback, a backend, waiting frames and bounds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kernels._vm import lib
from kernels.vm import Machine
from kernels.vm.devices import MAC, NetworkCard, attach_net
from kernels.vm.machine import MachineError
from tests.vm.virtio_driver import BASE, CONFIG, NOTIFY, STATUS, VERSION_1, Driver, peek

RX, TX = 0, 1
HEADER = bytes(12)
RX_HEADER = bytes(10) + b"\1\0"
RX_BUFFERS = BASE + 0x100000
LONGEST = 65554


@pytest.fixture
def machine() -> Iterator[Machine]:
    with Machine(ram=4 << 20) as m:
        yield m


def started(machine: Machine, card: NetworkCard) -> Driver:
    driver = Driver(machine, card.slot)
    driver.start(2)
    return driver


def offer_receive(driver: Driver, size: int = 70000, head: int = 0) -> int:
    address = RX_BUFFERS + head * 0x20000
    driver.queues[RX].write_chain([(address, size, True)], head)
    driver.queues[RX].offer(head)
    driver.write(NOTIFY, RX)
    return address


@pytest.mark.parametrize("size", [1, 60, 1514, 65550, LONGEST])
def test_loopback_brings_frames_back(machine: Machine, size: int) -> None:
    card = attach_net(machine)
    driver = started(machine, card)
    frame = bytes(i * 7 & 255 for i in range(size))
    address = offer_receive(driver)
    driver.request(TX, [HEADER, frame], [])
    assert driver.queues[RX].take() == (0, 12 + size)
    assert peek(machine, address, 12 + size) == RX_HEADER + frame
    assert (card.counters.sent, card.counters.received, card.counters.dropped) == (1, 1, 0)


def test_header_and_frame_may_share_a_buffer(machine: Machine) -> None:
    sent: list[bytes] = []
    driver = started(machine, attach_net(machine, sent.append))
    driver.request(TX, [HEADER + b"frame"], [])
    assert sent == [b"frame"]


def test_backend_may_answer_at_once(machine: Machine) -> None:
    card: NetworkCard

    def echo(frame: bytes) -> None:
        card.receive(frame[::-1])

    card = attach_net(machine, echo)
    driver = started(machine, card)
    address = offer_receive(driver)
    driver.request(TX, [HEADER, b"abc" * 100], [])
    assert peek(machine, address + 12, 300) == b"cba" * 100


def test_backend_is_asked_for_frames_while_the_machine_runs(machine: Machine) -> None:
    frames = [b"from outside" * 5]
    card: NetworkCard

    def poll() -> None:
        if frames and card.receive(frames[-1]):
            frames.pop()

    card = attach_net(machine, poll=poll)
    driver = started(machine, card)
    address = offer_receive(driver)
    driver.read(STATUS)
    assert frames == []
    assert peek(machine, address + 12, 60) == b"from outside" * 5


def test_frames_wait_for_buffers_in_order_and_in_bounds(machine: Machine) -> None:
    card = attach_net(machine)
    driver = started(machine, card)
    taken = [card.receive(bytes([i & 255]) * 100) for i in range(300)]
    assert taken == [True] * 256 + [False] * 44
    assert (card.counters.waiting, card.counters.dropped) == (256, 44)
    for i in range(3):
        address = offer_receive(driver)
        assert peek(machine, address + 12, 100) == bytes([i]) * 100
    driver.write(STATUS, 0)
    assert card.counters.waiting == 0


def test_frames_that_do_not_fit_are_dropped(machine: Machine) -> None:
    card = attach_net(machine)
    assert not card.receive(b"nobody is there")
    driver = started(machine, card)
    assert not card.receive(bytes(LONGEST + 1))
    assert not card.receive(b"")
    offer_receive(driver, 12 + 99)
    assert not card.receive(bytes(100))
    assert driver.queues[RX].take() == (0, 0)
    assert driver.request(TX, [HEADER, bytes(LONGEST + 1)], []) == (0, [])
    assert card.counters.dropped == 5
    assert card.counters.sent == 0


def test_short_header_asks_for_reset(machine: Machine) -> None:
    driver = started(machine, attach_net(machine))
    driver.queues[TX].write_chain([(RX_BUFFERS, 11, False)])
    driver.queues[TX].offer()
    driver.write(NOTIFY, TX)
    assert driver.read(STATUS) & 64


def test_copies_are_counted_by_path(machine: Machine) -> None:
    driver = started(machine, attach_net(machine))
    offer_receive(driver)
    driver.request(TX, [HEADER, bytes(5000)], [])
    for path in (lib.VM_PATH_NET_TX, lib.VM_PATH_NET_RX):
        assert lib.vm_path_bytes(machine.handle, path) == 5000
        assert lib.vm_path_calls(machine.handle, path) == 1


def test_identity(machine: Machine) -> None:
    driver = Driver(machine, attach_net(machine).slot)
    assert driver.read(8) == 1
    assert driver.features() & (VERSION_1 | 1 << 15 | 1 << 5) == VERSION_1 | 1 << 15 | 1 << 5
    address = driver.read(CONFIG).to_bytes(4, "little") + driver.read(CONFIG + 4).to_bytes(4, "little")
    assert address[:6] == MAC
    with pytest.raises(MachineError, match="6 bytes"):
        attach_net(machine, mac=b"12")
