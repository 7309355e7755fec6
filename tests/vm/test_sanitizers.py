"""The machine under ASan and UBSan, fed by libFuzzer: short runs, from random programs and damaged ELF files."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from kernels.vm.build_ffi import ROOT, sources
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
