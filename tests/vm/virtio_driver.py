"""A virtio driver for tests: it writes rings into a machine's memory, and registers by guest instructions."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import numpy as np

from kernels.vm import Machine
from tests.vm.assembler import LW, SW, assemble, load, s_type

BASE = 0x8000_0000
SLOT_BASE, SLOT_SIZE = 0x1000_1000, 0x1000
CODE, RINGS, TABLES, BUFFERS = BASE, BASE + 0x1000, BASE + 0x8000, BASE + 0x10000
RING_SPACE = 0x2000
QUEUE_SIZE = 16

MAGIC, VERSION, DEVICE_ID, FEATURES, FEATURES_SELECT = 0x00, 0x04, 0x08, 0x10, 0x14
DRIVER_FEATURES, DRIVER_FEATURES_SELECT, QUEUE_SELECT, QUEUE_SIZE_MAX, QUEUE_NUM = 0x20, 0x24, 0x30, 0x34, 0x38
QUEUE_READY, NOTIFY, INTERRUPT, INTERRUPT_ACK, STATUS = 0x44, 0x50, 0x60, 0x64, 0x70
DESC, AVAIL, USED, CONFIG = 0x80, 0x90, 0xA0, 0x100
NEXT, WRITE, INDIRECT = 1, 2, 4
ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK, NEEDS_RESET = 1, 2, 4, 8, 64
INDIRECT_DESC, EVENT_IDX, VERSION_1 = 1 << 28, 1 << 29, 1 << 32


def peek(machine: Machine, address: int, size: int) -> bytes:
    at = address - BASE
    return machine.memory[at : at + size].tobytes()


def poke(machine: Machine, address: int, data: bytes) -> None:
    at = address - BASE
    machine.memory[at : at + len(data)] = np.frombuffer(data, np.uint8)


def descriptor(address: int, length: int, flags: int = 0, following: int = 0) -> bytes:
    return struct.pack("<QIHH", address, length, flags, following)


@dataclass
class Queue:
    """The driver's side of one split virtqueue."""

    machine: Machine
    number: int
    size: int = QUEUE_SIZE
    sent: int = 0
    taken: int = 0
    desc: int = field(init=False)
    avail: int = field(init=False)
    used: int = field(init=False)

    def __post_init__(self) -> None:
        self.desc = RINGS + self.number * RING_SPACE
        self.avail, self.used = self.desc + 0x1000, self.desc + 0x1800

    def write_chain(self, parts: list[tuple[int, int, bool]], first: int = 0) -> None:
        """Descriptors from `first` on; a part is (address, length, whether the device writes it)."""
        for i, (address, length, writable) in enumerate(parts):
            flags = (WRITE if writable else 0) | (NEXT if i + 1 < len(parts) else 0)
            poke(self.machine, self.desc + (first + i) * 16, descriptor(address, length, flags, first + i + 1))

    def offer(self, head: int = 0) -> None:
        poke(self.machine, self.avail + 4 + self.sent % self.size * 2, struct.pack("<H", head))
        self.sent += 1
        poke(self.machine, self.avail + 2, struct.pack("<H", self.sent & 0xFFFF))

    def used_index(self) -> int:
        index: int = struct.unpack("<H", peek(self.machine, self.used + 2, 2))[0]
        return index

    def take(self) -> tuple[int, int] | None:
        """The next used entry: head and written bytes."""
        if self.used_index() == self.taken & 0xFFFF:
            return None
        head, written = struct.unpack("<II", peek(self.machine, self.used + 4 + self.taken % self.size * 8, 8))
        self.taken += 1
        return head, written


class Driver:
    """Registers and queues of the device in one slot."""

    def __init__(self, machine: Machine, slot: int = 0) -> None:
        self.machine = machine
        self.base = SLOT_BASE + slot * SLOT_SIZE
        self.queues: list[Queue] = []
        poke(machine, CODE, assemble(load(LW, 3, 1), s_type(SW, 1, 2, 0)))
        machine.memory_changed()

    def read(self, register: int) -> int:
        self._step(CODE, register, 0)
        return int(self.machine.registers()[3]) & 0xFFFF_FFFF

    def write(self, register: int, value: int) -> None:
        self._step(CODE + 4, register, value)

    def _step(self, pc: int, register: int, value: int) -> None:
        self.machine.registers()[1:3] = self.base + register, value
        self.machine.set_pc(pc)
        self.machine.run(1)

    def features(self) -> int:
        self.write(FEATURES_SELECT, 0)
        low = self.read(FEATURES)
        self.write(FEATURES_SELECT, 1)
        return low | self.read(FEATURES) << 32

    def negotiate(self, features: int = VERSION_1) -> int:
        """Reset to FEATURES_OK; returns the status."""
        self.write(STATUS, 0)
        self.write(STATUS, ACKNOWLEDGE | DRIVER)
        for half in range(2):
            self.write(DRIVER_FEATURES_SELECT, half)
            self.write(DRIVER_FEATURES, features >> 32 * half & 0xFFFF_FFFF)
        self.write(STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK)
        return self.read(STATUS)

    def add_queue(self, number: int, size: int = QUEUE_SIZE) -> Queue:
        queue = Queue(self.machine, number, size)
        poke(self.machine, queue.desc, bytes(RING_SPACE))
        self.place(number, size, queue.desc, queue.avail, queue.used)
        return queue

    def place(self, number: int, size: int, desc: int, avail: int, used: int) -> None:
        self.write(QUEUE_SELECT, number)
        self.write(QUEUE_NUM, size)
        for register, address in ((DESC, desc), (AVAIL, avail), (USED, used)):
            self.write(register, address & 0xFFFF_FFFF)
            self.write(register + 4, address >> 32)
        self.write(QUEUE_READY, 1)

    def start(self, queues: int, features: int = VERSION_1) -> None:
        self.negotiate(features)
        self.queues = [self.add_queue(number) for number in range(queues)]
        self.write(STATUS, self.read(STATUS) | DRIVER_OK)

    def request(self, queue: int, out: list[bytes], room: list[int]) -> tuple[int, list[bytes]]:
        """Sends one chain of buffers; returns the bytes that the device says it wrote, and its buffers."""
        at, parts = BUFFERS, []
        for data in out:
            poke(self.machine, at, data)
            parts.append((at, len(data), False))
            at += len(data) + 64 & ~15
        for size in room:
            poke(self.machine, at, b"\xee" * size)
            parts.append((at, size, True))
            at += size + 64 & ~15
        self.queues[queue].write_chain(parts)
        self.queues[queue].offer()
        self.write(NOTIFY, queue)
        used = self.queues[queue].take()
        assert used is not None, "the device did not answer"
        return used[1], [peek(self.machine, address, size) for address, size, writable in parts if writable]
