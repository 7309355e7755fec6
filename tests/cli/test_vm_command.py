"""`vm run`: guests from the command line, and every way in which that can end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kernels import dispatch
from kernels.vm.guest import build
from tests.conftest import Ran
from tests.vm.assembler import SW, WFI, addi, assemble, jal, lui, s_type
from tests.vm.test_sanitizers import elf

Harness = Callable[..., Ran]
ROOT = Path(__file__).parents[2]
UART_HIGH = 0x10000


@pytest.fixture(autouse=True)
def _libc_again() -> Iterator[None]:
    yield
    dispatch.reset()


@pytest.fixture(autouse=True)
def _no_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)


def program(tmp_path: Path, *words: int) -> Path:
    path = tmp_path / "guest.elf"
    path.write_bytes(elf(code=assemble(*words)))
    return path


@pytest.fixture(scope="module")
def disk_guest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("disk", tmp_path_factory.mktemp("guests"))


def test_a_guest_that_succeeds(disk_guest: Path, tmp_path: Path, harness: Harness) -> None:
    (tmp_path / "disk.img").write_bytes(bytes(1 << 20))
    ran = harness("vm", "run", disk_guest, "--ram", "4M", "--disk", tmp_path / "disk.img", "--json")
    assert ran.code == 0, ran.err
    facts = json.loads(ran.out)
    assert facts["stop"] == "exit"
    assert facts["paths"]["dma_write"]["bytes"] > 1 << 20


def test_a_guest_that_fails_says_its_number(disk_guest: Path, harness: Harness) -> None:
    ran = harness("vm", "run", disk_guest, "--ram", "4M")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == f"{disk_guest}: failed, number 1\n"


def test_the_console_is_the_terminals(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    write_a = [lui(5, UART_HIGH), addi(6, 0, ord("A")), s_type(0, 5, 6, 0), jal(0, 0)]
    guest = program(tmp_path, *write_a)
    command = [sys.executable, "-m", "harness", "vm", "run", str(guest), "--ram", "1M", "--max-instructions", "100"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, stdin=subprocess.DEVNULL)
    assert done.stdout == "A"
    assert done.returncode == 3
    assert "has not ended after 100 instructions" in done.stderr


def test_a_guest_that_waits_for_ever(tmp_path: Path, harness: Harness) -> None:
    ran = harness("vm", "run", program(tmp_path, WFI, jal(0, 0)), "--ram", "1M")
    assert ran.code == 3
    assert "waits for an interrupt that nothing will raise, at 0x8000000" in ran.err


def test_a_guest_that_traps_for_ever(tmp_path: Path, harness: Harness) -> None:
    ran = harness("vm", "run", program(tmp_path, 0, 0), "--ram", "1M")
    assert ran.code == 3
    assert "traps for ever" in ran.err


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "ELF"),
        (b"\x7fELF\1" + bytes(100), "32-bit"),
        (elf()[:90], "guest.elf: "),
        (elf(address=0x9000_0000), "RAM"),
        (b"#!/bin/sh\n", "ELF"),
    ],
    ids=["empty", "32-bit", "truncated", "outside RAM", "script"],
)
def test_a_file_that_is_no_guest_is_one_sentence(content: bytes, says: str, tmp_path: Path, harness: Harness) -> None:
    (tmp_path / "guest.elf").write_bytes(content)
    ran = harness("vm", "run", tmp_path / "guest.elf", "--ram", "1M")
    assert (ran.code, ran.out, ran.err.count("\n")) == (3, "", 1)
    assert says in ran.err


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--ram", "lots"), 2),
        (("--ram", "0"), 2),
        (("--ram", "100"), 3),
        (("--harts", "9"), 2),
        (("--disk", "none"), 3),
    ],
    ids=str,
)
def test_options_that_make_no_sense(options: tuple[str, ...], code: int, disk_guest: Path, harness: Harness) -> None:
    ran = harness("vm", "run", disk_guest, *options)
    assert ran.code == code
    assert "Traceback" not in ran.err


def test_a_config_that_cannot_be_used(disk_guest: Path, tmp_path: Path, harness: Harness) -> None:
    (tmp_path / "bad.toml").write_text("nonsense")
    ran = harness("vm", "run", disk_guest, "--config", tmp_path / "bad.toml")
    assert ran.code == 3
    assert "bad.toml" in ran.err


def test_ctrl_c_ends_it(tmp_path: Path) -> None:
    guest = program(tmp_path, addi(5, 5, 1), s_type(SW, 2, 5, 0), jal(0, -8))
    command = [sys.executable, "-m", "harness", "vm", "run", str(guest), "--ram", "1M"]
    child = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=os.environ
    )
    time.sleep(2)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=30)
    assert "Traceback" not in err
    assert child.returncode in (130, 3)
