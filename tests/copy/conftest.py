"""The C checker with the system's compiler, with sanitizers, and for another architecture."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest
from checking import Checker, build, runner

from kernels.compiler import find_compiler


@pytest.fixture(scope="session")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Checker:
    """The checker as the kernels are shipped: the same compiler and flags."""
    output = tmp_path_factory.mktemp("check") / "check"
    build(find_compiler().command, (), output)
    return runner(output)


@pytest.fixture(scope="session")
def sanitized_checker(tmp_path_factory: pytest.TempPathFactory) -> Checker:
    """The checker under AddressSanitizer and UndefinedBehaviorSanitizer, by clang where that is there."""
    compiler = shutil.which("clang") or find_compiler().command[0]
    output = tmp_path_factory.mktemp("check") / "check-sanitized"
    flags = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    try:
        build([compiler], flags, output)
    except subprocess.CalledProcessError as error:
        if "cannot find" in error.stderr:
            pytest.skip(f"{compiler} has no sanitizer libraries: {error.stderr.splitlines()[0]}")
        raise
    return runner(output)


@pytest.fixture(scope="session")
def aarch64_checker(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Checker]:
    """The checker for aarch64 under qemu-user; takes the CPU that qemu shall be."""
    pytest.importorskip("ziglang", reason="the ziglang package, which compiles for aarch64, is missing")
    qemu = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
    if qemu is None:
        pytest.skip("qemu-aarch64-static (Debian: qemu-user-static) is missing")
    output = tmp_path_factory.mktemp("check") / "check-aarch64"
    zig = [sys.executable, "-m", "ziglang", "cc", "-target", "aarch64-linux-musl", "-static"]
    build(zig, (), output)
    return lambda cpu: runner(qemu, "-cpu", cpu, output)
