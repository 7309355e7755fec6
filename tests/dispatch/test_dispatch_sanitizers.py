"""The dispatcher in C: every size to 1024 and swaps under threads, with the sanitizers and on aarch64."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from programs import HERE, KERNELS, compile_c, run

from kernels import library


def driver(compiler: str, tmp_path: Path, *flags: str) -> Path:
    if shutil.which(compiler) is None:
        pytest.skip(f"there is no {compiler} here")
    sources = [HERE / "driver.c", *library.sources()]
    return compile_c(compiler, tmp_path / "driver", sources, "-std=gnu11", "-g", f"-I{KERNELS}", *flags)


@pytest.mark.sanitizer
def test_addresses_and_arithmetic(tmp_path: Path) -> None:
    run(driver("clang", tmp_path, "-fsanitize=address,undefined", "-fno-sanitize-recover=all"), "check")


@pytest.mark.sanitizer
def test_threads(tmp_path: Path) -> None:
    run(driver("clang", tmp_path, "-fsanitize=thread"), "stress")


@pytest.mark.aarch64
@pytest.mark.parametrize("mode", ["check", "stress"])
def test_aarch64(mode: str, tmp_path: Path) -> None:
    emulator = shutil.which("qemu-aarch64-static")
    if emulator is None:
        pytest.skip("there is no qemu-aarch64-static here")
    run(emulator, driver("aarch64-linux-gnu-gcc", tmp_path, "-static"), mode)
