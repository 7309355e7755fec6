"""The machine under ASan and UBSan, fed by libFuzzer: short runs, from the corpora that are kept under `corpus/`.

`CROSSOVER_FUZZ_SECONDS` makes them longer; with `CROSSOVER_FUZZ_KEEP=1` what they find joins the corpora.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import zipfile
from pathlib import Path

import pytest

from kernels.vm.build_ffi import ROOT, sources
from kernels.vm.devices import attach_display, attach_net
from kernels.vm.machine import Machine
from kernels.vm.snapshot import migrate, save
from tests.vm.programs import random_program

CORPORA = Path(__file__).parent / "corpus"
KEEP = os.environ.get("CROSSOVER_FUZZ_KEEP") == "1"
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
    kept = CORPORA / f"{target}.zip"
    with zipfile.ZipFile(kept) as archive:
        archive.extractall(seeds)
    files = [*sources(), ROOT / "fuzz" / f"{target}.c"]
    command = ["clang", *FLAGS, SANITIZERS, "-fno-sanitize-recover=all", f"-I{ROOT.parent}", *map(str, files)]
    built = subprocess.run([*command, "-o", str(binary)], capture_output=True, text=True)
    if "libclang_rt" in built.stderr:
        pytest.skip("clang's sanitizer runtimes are not installed")
    assert built.returncode == 0, built.stderr
    limits = [f"-max_total_time={SECONDS}", "-max_len=8192", "-timeout=20", f"-artifact_prefix={folder}/"]
    result = subprocess.run([str(binary), *limits, str(seeds)], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-6000:]
    if KEEP:
        keep(binary, seeds, kept)


def keep(binary: Path, seeds: Path, archive: Path) -> None:
    """The smallest set of inputs that covers what all of them do, as the new corpus."""
    small = seeds.with_name("small")
    small.mkdir()
    subprocess.run([str(binary), "-merge=1", str(small), str(seeds)], check=True, capture_output=True)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(small.iterdir()):
            file.write(path, path.name)


def test_random_guests_touch_nothing_outside(tmp_path: Path) -> None:
    programs = [bytes([mode]) + random_program(mode, 200, 3) for mode in range(8)]
    fuzz("fuzz_code", programs, tmp_path)


def test_random_files_are_refused_or_loaded(tmp_path: Path) -> None:
    fuzz("fuzz_elf", [elf(), elf(0x8003_FFFE), elf()[:100], b"\x7fELF\1"], tmp_path)


def chain(slot: int, queue: int, *parts: tuple[int, int, int]) -> bytes:
    """An operation of fuzz_virtio: a chain of (page of 256 bytes, length, flags), from descriptor 0 on."""
    shape = len(parts) - 1 << 6
    return bytes([6 | slot << 4 | queue << 7, shape]) + b"".join(struct.pack("<BHB", *part) for part in parts)


def content(page: int, data: bytes) -> bytes:
    """An operation of fuzz_virtio: bytes in a page."""
    return bytes([4, page, len(data)]) + data


def command(kind: int, *words: int) -> bytes:
    """An operation of fuzz_virtio: a command of the display in page 0."""
    return content(0, struct.pack(f"<IIQII{len(words)}I", kind, 0, 0, 0, 0, *words))


def test_random_drivers_touch_nothing_outside(tmp_path: Path) -> None:
    ask = chain(2, 0, (0, 64, 1), (1, 24, 2))
    image = ask.join([command(0x101, 1, 1, 48, 32), command(0x106, 1, 1, 0x8001_2000, 0, 6144, 0),
                      command(0x103, 0, 0, 48, 32, 0, 1), command(0x105, 0, 0, 40, 32, 0, 0, 1, 0),
                      command(0x104, 0, 0, 48, 32, 1, 0), command(0x107, 1, 0), command(0x102, 1, 0), b""])  # fmt: skip
    disk = [content(0, struct.pack("<IIQ", kind, 0, 3)) for kind in (0, 1, 4, 8)]
    read, write = chain(0, 0, (0, 16, 1), (16, 1024, 3), (1, 1, 2)), chain(0, 0, (0, 16, 1), (16, 1024, 1), (1, 1, 2))
    echo = chain(1, 0, (16, 4000, 2)) + chain(1, 1, (0, 12, 1), (32, 1500, 0))
    half_way = b"\x11\x70\0" + bytes(4) + b"\x11\x20\0" + b"\2\0\0\0"  # features that nobody offered, then a snapshot
    corpus = [
        image,
        half_way,
        disk[0] + read,
        disk[1] + write,
        disk[2] + write,
        disk[3] + read,
        echo,
        echo + b"\x05\0\1" * 9,
    ]
    fuzz("fuzz_virtio", corpus, tmp_path)


def test_any_bytes_as_a_snapshot(tmp_path: Path) -> None:
    with Machine(ram=256 << 10, harts=2, tlb_entries=16, block_cache=64) as machine:
        attach_net(machine)
        attach_display(machine, 16, 16)
        snapshot = save(machine)
        pieces = list(migrate(machine, lambda _: None))
    corpus = [b"\0" + snapshot, *(b"\1" + piece for piece in pieces), b"\2" + bytes(40)]
    fuzz("fuzz_snapshot", corpus, tmp_path)
