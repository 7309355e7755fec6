"""Our own guests, each checking itself: what they do with devices, page tables and the hypercall succeeds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kernels.vm.devices import attach_block, attach_display, attach_net
from kernels.vm.machine import Machine, Mode, Stop

Guest = Callable[[str], Path]
ENOUGH = 500_000_000


def finish(machine: Machine) -> None:
    """Run to the end; it must be a good one."""
    assert machine.run(ENOUGH) is Stop.EXIT
    assert machine.exit_code == 0


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(1 << 20))
    return path


def test_disk(guest: Guest, image: Path) -> None:
    with Machine(ram=4 << 20) as machine:
        attach_block(machine, image)
        machine.load_elf(guest("disk"))
        finish(machine)
        paths = machine.paths()
    assert paths["dma_read"].bytes == paths["dma_write"].bytes > 1 << 20
    assert max(size for size, calls in enumerate(paths["dma_write"].histogram) if calls) == 12
    assert any(image.read_bytes())


def test_disk_without_a_split_moves_whole_requests(guest: Guest, image: Path) -> None:
    with Machine(ram=4 << 20) as machine:
        attach_block(machine, image).split_transfers(0)
        machine.load_elf(guest("disk"))
        finish(machine)
        assert max(size for size, calls in enumerate(machine.paths()["dma_write"].histogram) if calls) == 17


def test_a_read_only_disk_refuses_writes(guest: Guest, image: Path) -> None:
    with Machine(ram=4 << 20) as machine:
        attach_block(machine, image, read_only=True)
        machine.load_elf(guest("disk"))
        assert machine.run(ENOUGH) is Stop.EXIT
        assert machine.exit_code == 2
    assert not any(image.read_bytes())


def test_echo_by_loopback(guest: Guest) -> None:
    with Machine(ram=4 << 20) as machine:
        card = attach_net(machine)
        machine.load_elf(guest("echo"))
        finish(machine)
        paths = machine.paths()
        assert card.counters.dropped == 0
    assert paths["net_rx"].calls == paths["net_tx"].calls == 600
    assert paths["net_rx"].bytes == paths["net_tx"].bytes


def test_echo_by_a_backend(guest: Guest) -> None:
    frames: list[bytes] = []
    with Machine(ram=4 << 20) as machine:

        def send(frame: bytes) -> None:
            frames.append(frame)
            card.receive(frame)

        card = attach_net(machine, send)
        machine.load_elf(guest("echo"))
        finish(machine)
    assert [len(frame) for frame in frames[:4]] == [64, 128, 590, 1500]


def test_scroller(guest: Guest) -> None:
    with Machine(ram=8 << 20) as machine:
        display = attach_display(machine, 640, 400)
        machine.load_elf(guest("scroller"))
        finish(machine)
        rows, columns = np.mgrid[0:400, 0:640]
        rows += 59 * 5
        inside = (columns >= 96 + 59) & (columns < 96 + 59 + 200)
        rows = np.where(inside, rows - 59 * 2, rows)
        expected = np.where((columns // 16 + rows // 16) % 2, 0xFFD08030, rows << 16 | columns)
        assert np.array_equal(display.framebuffer.copy().view("<u4")[..., 0], expected.astype("<u4"))
        assert len(display.take_dirty_rows()) == 400
        assert len(display.take_dirty_rows()) == 0
        assert machine.paths()["framebuffer_blit"].calls > 60 * 400


def test_faults(guest: Guest) -> None:
    with Machine(ram=16 << 20) as machine:
        machine.load_elf(guest("faults"), Mode.SUPERVISOR)
        finish(machine)
        use = machine.paths()["guest_copy"]
    assert (use.calls, use.bytes) == (16 * 256, 16 * 256 * 4096)


@pytest.mark.parametrize("name", ["integer", "loadstore", "sort", "mixed"])
def test_computing(name: str, guest: Guest) -> None:
    with Machine(ram=16 << 20) as machine:
        machine.load_elf(guest(name))
        finish(machine)


@pytest.mark.parametrize("name", ["disk", "echo", "scroller"])
def test_a_guest_without_its_device_says_so(name: str, guest: Guest) -> None:
    with Machine(ram=16 << 20) as machine:
        machine.load_elf(guest(name))
        assert machine.run(ENOUGH) is Stop.EXIT
        assert machine.exit_code == 1
