"""The dispatcher in C under the sanitizers, and on another architecture: every size to 1024, swaps while threads copy."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from programs import HERE, KERNELS, compile_c, run

from kernels import library


def driver(tmp_path: Path, *flags: str) -> Path:
    if shutil.which("clang") is None:
        pytest.skip("there is no clang here")
    sources = [HERE / "driver.c", *library.sources()]
    return compile_c("clang", tmp_path / "driver", sources, "-std=gnu11", "-g", f"-I{KERNELS}", *flags)


@pytest.mark.sanitizer
def test_addresses_and_arithmetic(tmp_path: Path) -> None:
    run(driver(tmp_path, "-fsanitize=address,undefined", "-fno-sanitize-recover=all"), "check")


@pytest.mark.sanitizer
def test_threads(tmp_path: Path) -> None:
    run(driver(tmp_path, "-fsanitize=thread"), "stress")
