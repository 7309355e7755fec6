"""The display device: resources, transfers with strides, the scanout, bounds."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
import pytest

from kernels._vm import lib
from kernels.vm import Machine
from kernels.vm.devices import Display, attach_display
from kernels.vm.machine import MachineError
from tests.vm.virtio_driver import BASE, Driver, poke

WIDTH, HEIGHT = 64, 48
INFO, CREATE, UNREF, SCANOUT, FLUSH, TRANSFER, ATTACH, DETACH = range(0x100, 0x108)
OK, OK_INFO, UNSPECIFIED, NO_MEMORY = 0x1100, 0x1101, 0x1200, 0x1201
BAD_SCANOUT, BAD_RESOURCE, BAD_PARAMETER = 0x1202, 0x1203, 0x1205
IMAGE = BASE + 0x100000
PIXELS = np.random.default_rng(2).integers(0, 256, (HEIGHT, WIDTH, 4), np.uint8)


class Gpu:
    def __init__(self, machine: Machine, width: int = WIDTH, height: int = HEIGHT) -> None:
        self.machine = machine
        self.display: Display = attach_display(machine, width, height)
        self.driver = Driver(machine, self.display.slot)
        self.driver.start(2)

    def command(self, kind: int, *words: int, extra: bytes = b"", fence: int = 0) -> int:
        request = struct.pack("<IIQII", kind, 1 if fence else 0, fence, 0, 0) + struct.pack(f"<{len(words)}I", *words)
        written, (answer,) = self.driver.request(0, [request + extra], [24])
        assert written == 24
        response, flags, got = struct.unpack_from("<IIQ", answer)
        assert (flags, got) == (1 if fence else 0, fence)
        return int(response)

    def attach(self, resource: int, *parts: tuple[int, int]) -> int:
        entries = b"".join(struct.pack("<QII", address, length, 0) for address, length in parts)
        return self.command(ATTACH, resource, len(parts), extra=entries)

    def show_image(self) -> None:
        """A resource of the display's size, backed by scattered memory that holds PIXELS, on the scanout."""
        assert self.command(CREATE, 1, 1, WIDTH, HEIGHT) == OK
        raw, cut = PIXELS.tobytes(), 5 * WIDTH * 4 + 12
        poke(self.machine, IMAGE, raw[cut:])
        poke(self.machine, IMAGE + 0x20000, raw[:cut])
        assert self.attach(1, (IMAGE + 0x20000, cut), (IMAGE, len(raw) - cut)) == OK
        assert self.command(SCANOUT, 0, 0, WIDTH, HEIGHT, 0, 1) == OK


@pytest.fixture
def machine() -> Iterator[Machine]:
    with Machine(ram=4 << 20) as m:
        yield m


@pytest.fixture
def gpu(machine: Machine) -> Gpu:
    return Gpu(machine)


def test_display_info(gpu: Gpu) -> None:
    written, (answer,) = gpu.driver.request(0, [struct.pack("<IIQII", INFO, 0, 0, 0, 0)], [408])
    assert written == 408
    assert struct.unpack_from("<I", answer) == (OK_INFO,)
    assert struct.unpack_from("<6I", answer, 24) == (0, 0, WIDTH, HEIGHT, 1, 0)
    assert not any(answer[48:])


def test_full_image_reaches_the_picture(gpu: Gpu) -> None:
    gpu.show_image()
    gpu.display.take_dirty_rows()
    assert gpu.command(TRANSFER, 0, 0, WIDTH, HEIGHT, 0, 0, 1, 0, fence=77) == OK
    assert not gpu.display.framebuffer.any()
    assert gpu.command(FLUSH, 0, 0, WIDTH, HEIGHT, 1, 0) == OK
    assert np.array_equal(gpu.display.framebuffer, PIXELS)
    assert gpu.display.pixel_format == 1
    assert gpu.display.take_dirty_rows().tolist() == list(range(HEIGHT))
    path = lib.VM_PATH_FRAMEBUFFER_BLIT
    assert lib.vm_path_bytes(gpu.machine.handle, path) == 2 * PIXELS.nbytes
    assert lib.vm_path_calls(gpu.machine.handle, path) == 3  # two segments in, one copy out


def test_part_of_an_image_keeps_the_rest(gpu: Gpu) -> None:
    gpu.show_image()
    gpu.display.take_dirty_rows()
    x, y, width, height = 7, 3, 20, 11
    offset = (y * WIDTH + x) * 4
    assert gpu.command(TRANSFER, x, y, width, height, offset, 0, 1, 0) == OK
    assert gpu.command(FLUSH, x, y, width, height, 1, 0) == OK
    expected = np.zeros_like(PIXELS)
    expected[y : y + height, x : x + width] = PIXELS[y : y + height, x : x + width]
    assert np.array_equal(gpu.display.framebuffer, expected)
    assert gpu.display.take_dirty_rows().tolist() == list(range(y, y + height))


def test_scanout_may_show_part_of_a_larger_resource(machine: Machine) -> None:
    gpu = Gpu(machine, 16, 16)
    assert gpu.command(CREATE, 1, 2, WIDTH, HEIGHT) == OK
    poke(machine, IMAGE, PIXELS.tobytes())
    assert gpu.attach(1, (IMAGE, PIXELS.nbytes)) == OK
    assert gpu.command(TRANSFER, 0, 0, WIDTH, HEIGHT, 0, 0, 1, 0) == OK
    assert gpu.command(SCANOUT, 10, 20, 16, 12, 0, 1) == OK
    assert gpu.command(FLUSH, 0, 0, WIDTH, HEIGHT, 1, 0) == OK
    assert np.array_equal(gpu.display.framebuffer[:12], PIXELS[20:32, 10:26])
    assert not gpu.display.framebuffer[12:].any()
    assert gpu.command(UNREF, 1, 0) == OK
    assert not gpu.display.framebuffer.any()


def test_refusals(gpu: Gpu) -> None:
    gpu.show_image()
    assert gpu.command(CREATE, 1, 1, 8, 8) == BAD_RESOURCE
    assert gpu.command(CREATE, 0, 1, 8, 8) == BAD_RESOURCE
    assert gpu.command(CREATE, 2, 99, 8, 8) == BAD_PARAMETER
    assert gpu.command(CREATE, 2, 1, 4097, 8) == BAD_PARAMETER
    assert gpu.command(CREATE, 2, 1, 8, 0) == BAD_PARAMETER
    assert gpu.command(SCANOUT, 0, 0, 8, 8, 1, 1) == BAD_SCANOUT
    assert gpu.command(SCANOUT, 0, 0, WIDTH + 1, 8, 0, 1) == BAD_PARAMETER
    assert gpu.command(SCANOUT, 0xFFFF_FFFF, 0, 2, 2, 0, 1) == BAD_PARAMETER
    assert gpu.command(SCANOUT, 0, 0, 8, 8, 0, 9) == BAD_RESOURCE
    assert gpu.command(TRANSFER, 0, 0, WIDTH, HEIGHT, 4, 0, 1, 0) == BAD_PARAMETER
    assert gpu.command(TRANSFER, 0, 0, 1, 1, 0xFFFF_FFFC, 0xFFFF_FFFF, 1, 0) == BAD_PARAMETER
    assert gpu.command(FLUSH, 1, 0, WIDTH, 1, 1, 0) == BAD_PARAMETER
    assert gpu.attach(1, (IMAGE, 4096)) == BAD_PARAMETER
    assert gpu.command(DETACH, 1, 0) == OK
    assert gpu.attach(1, (BASE - 4096, 4096)) == BAD_PARAMETER
    assert gpu.attach(1, (BASE + (4 << 20) - 1, 2)) == BAD_PARAMETER
    assert gpu.command(ATTACH, 1, 16385) == BAD_PARAMETER
    assert gpu.command(ATTACH, 1, 3) == UNSPECIFIED
    assert gpu.command(TRANSFER, 0, 0, 1, 1, 0, 0, 1, 0) == BAD_PARAMETER
    assert gpu.command(0x109) == UNSPECIFIED


def test_images_are_bounded_in_total(gpu: Gpu) -> None:
    assert [gpu.command(CREATE, i, 1, 4096, 4096) for i in range(1, 6)] == [OK] * 4 + [NO_MEMORY]
    assert gpu.command(UNREF, 3, 0) == OK
    assert gpu.command(CREATE, 9, 1, 4096, 4096) == OK


def test_number_of_images_is_bounded(gpu: Gpu) -> None:
    assert [gpu.command(CREATE, i, 1, 1, 1) for i in range(1, 258)] == [OK] * 256 + [NO_MEMORY]


def test_size_is_bounded(machine: Machine) -> None:
    with pytest.raises(MachineError, match="1 to 4096 pixels"):
        attach_display(machine, 4097, 1)
    with pytest.raises(MachineError, match="1 to 4096 pixels"):
        attach_display(machine, 1, -1)
