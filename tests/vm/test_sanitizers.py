"""The machine under ASan and UBSan, fed by libFuzzer: short runs, from random programs and damaged ELF files."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from kernels.vm.build_ffi import ROOT, sources
from kernels.vm.devices import Display, Network
from kernels.vm.machine import Machine
from kernels.vm.snapshot import migrate, save
from tests.vm.programs import random_program

SECONDS = int(os.environ.get("CROSSOVER_FUZZ_SECONDS", "10"))
FLAGS = ["-std=gnu11", "-O1", "-g", "-fno-strict-aliasing", "-Wall", "-Wextra", "-Werror"]
SANITIZERS = "-fsanitize=fuzzer,address,undefined"

pytestmark = [
    pytest.mark.sanitizer,
    pytest.mark.skipif(shutil.which("clang") is None, reason="clang is not installed"),
]


def elf(address: int = 0x8000_0000, code: bytes = b"\x6f\0\0\0") -> bytes:
    """A minimal ELF file with one segment."""
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 243, 1, address, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    return header + struct.pack("<IIQQQQQQ", 1, 7, 120, address, address, len(code), len(code), 1) + code


def fuzz(target: str, corpus: list[bytes], folder: Path) -> None:
    binary, seeds = folder / target, folder / "corpus"
    seeds.mkdir()
    for i, data in enumerate(corpus):
        (seeds / str(i)).write_bytes(data)
    files = [*sources(), ROOT / "fuzz" / f"{target}.c"]
    command = ["clang", *FLAGS, SANITIZERS, "-fno-sanitize-recover=all", f"-I{ROOT.parent}", *map(str, files)]
    built = subprocess.run([*command, "-o", str(binary)], capture_output=True, text=True)
    if "libclang_rt" in built.stderr:
        pytest.skip("clang's sanitizer runtimes are not installed")
    assert built.returncode == 0, built.stderr
    limits = [f"-max_total_time={SECONDS}", "-max_len=8192", "-timeout=20", f"-artifact_prefix={folder}/"]
    result = subprocess.run([str(binary), *limits, str(seeds)], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-6000:]


def test_random_guests_touch_nothing_outside(tmp_path: Path) -> None:
    programs = [bytes([mode]) + random_program(mode, 200, 3) for mode in range(8)]
    fuzz("fuzz_code", programs, tmp_path)


def test_random_files_are_refused_or_loaded(tmp_path: Path) -> None:
    fuzz("fuzz_elf", [elf(), elf(0x8003_FFFE), elf()[:100], b"\x7fELF\1"], tmp_path)


def ring(address: int, length: int, flags: int, following: int) -> bytes:
    return struct.pack("<QIHH", address, length, flags, following)


def test_hostile_drivers_touch_nothing_outside(tmp_path: Path) -> None:
    base = 0x8000_0000
    chain = ring(base + 0x400, 16, 1, 1) + ring(base + 0x1000, 512, 3, 2) + ring(base + 0x3FFFF, 1, 2, 0)
    rings = chain.ljust(128, b"\0") + struct.pack("<HHH", 0, 1, 0)
    loop = (ring(base, 16, 1, 1) + ring(base, 0xFFFFFFFF, 1, 0)).ljust(128, b"\0") + struct.pack("<HHH", 0, 1, 0)
    notify = bytes([0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0])
    fuzz("fuzz_virtio", [(head.ljust(2048, b"\0") + notify) for head in (rings, loop, b"")], tmp_path)


def test_any_bytes_as_a_snapshot(tmp_path: Path) -> None:
    with Machine(ram=256 << 10, harts=2, tlb_entries=16, block_cache=64) as machine:
        Network(machine)
        Display(machine, 16, 16)
        snapshot = save(machine)
        pieces = list(migrate(machine, lambda _: None))
    corpus = [b"\0" + snapshot, *(b"\1" + piece for piece in pieces), b"\2" + bytes(40)]
    fuzz("fuzz_snapshot", corpus, tmp_path)
